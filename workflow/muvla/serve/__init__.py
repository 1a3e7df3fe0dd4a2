"""Our policies behind vla-eval's protocol, and the servers of other people's beside an evaluation."""

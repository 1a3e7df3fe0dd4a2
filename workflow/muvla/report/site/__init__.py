"""The project page: a static site of the files under results/, which needs no server and no network."""

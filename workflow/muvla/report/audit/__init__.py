"""Does what the paper prints add up?"""

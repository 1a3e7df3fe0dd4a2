"""The words of the mini tokenizer: a fixed list, so that the same words have the same ids everywhere."""

from __future__ import annotations

# Every instruction of the table's environments (spec 6.2); the angle's digits are listed below.
MIKASA_INSTRUCTIONS = (
    "Observe which cup hides the ball, wait, then touch that cup.",
    "Observe which cup hides the ball, wait, then push that cup forward.",
    "Observe which cup hides the ball, wait, then pick up that cup and lift it.",
    "Intercept the rolling ball by moving to its path and deflecting it toward the target.",
    "Intercept the rolling ball and grasp it to stop it.",
    "Rotate the peg by -90 degrees to match the target angle.",
    "Rotate the peg by 90 degrees to match the target angle while keeping the center of the peg in place.",
    "Push the cube onto the red target, and when the target changes color, return the cube to its original position.",
    "Observe the cube's color, wait, then touch the cube of the same color.",
    "Observe the object's shape, wait, then touch the object of the same shape.",
    "Observe the object's shape and color, wait, then touch the object of the same shape and color.",
)

# The suite's palette, then the colours that the probes put in its place (spec 6.3, 10).
COLOURS = (
    *("Red", "Lime", "Blue", "Yellow", "Magenta", "Cyan", "Maroon", "Olive", "Teal"),
    *("Pink", "Orange", "Purple", "Brown", "White", "Green", "Black", "Grey"),
)
SHAPES = ("cube", "sphere", "cylinder", "cross", "torus", "star", "pyramide", "t_shape", "crescent")

# Words of the instructions of LIBERO's four suites and of LIBERO-90.
LIBERO_WORDS = """
    akita alphabet and at back basket bbq between black book both bottle bottom bowl box butter cabinet caddy
    center cheese chocolate close compartment cookie cookies cream drawer dressing from front frying in inside
    it juice ketchup layer left microwave middle milk moka mug next of off on open orange pan pick place plate
    pot pots pudding push put rack ramekin red right salad sauce shelf soup stack stove table the them to
    tomato top tray turn under up white wine wooden yellow
"""

# For instructions of our own that name things the suite leaves unnamed ("touch the second cube").
OTHER_WORDS = """
    a an cup first go hand look matching move near object one other peg press second show shown third this
    where with 0 1 2 3 4 5 6 7 8 9 x - _ , . ? ! : ; ' " ( )
"""

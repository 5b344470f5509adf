"""A folder that proves what was tested, for people who were not there.

``contents`` says what lies in it, ``requirements`` what that supports, ``readme`` tells both; ``folder`` writes it in
one piece, ``manifest`` and ``verify`` find whatever is not as it was, and ``signing`` leaves it to others' programs to
vouch for the manifest.
"""

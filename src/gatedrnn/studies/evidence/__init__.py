"""Studies of the book's own rules: what do they say where the truth is known?"""

"""Tables of real molding cycles through training and the check of drift: see ``__main__``."""

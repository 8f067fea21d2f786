"""The strategy ``bandit``: an experiment whose shares follow what it learns, one setting of weights after another."""

"""What every model hands over and all that comes after it knows of a model.

Uses data, serving.contract, serving.errors.
"""

"""Stripe's nouns, one file each: the shape of the object, what may be asked of it, and its routes."""

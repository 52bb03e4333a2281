"""The JSON interface of the contract, one file per noun.

Bodies are strict pydantic models in camelCase; unknown fields are refused.
"""

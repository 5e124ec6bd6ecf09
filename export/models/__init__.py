"""The models: interactions in, the waist's Factorized out; one file a model, over towers or the LightFM adapter.

Uses data, towers, waist, lightfm_adapter, serving.errors.
"""

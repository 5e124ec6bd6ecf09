"""The models: interactions in, the waist's Factorized out; one file a model, over towers or the LightFM adapter."""

"""Masked-language pretraining of an encoder on unlabelled policies."""

"""A version, whole and proven or not at all: twin, warm-up, manifest, proof, roll-back.

Uses data, graph, locks, models, progress, waist, serving.config, serving.contract, serving.engines, serving.errors,
serving.installed, serving.lasting, serving.printable, serving.proto, serving.version.
"""

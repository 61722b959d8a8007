"""From a feature set to a model file: table, split, candidates, intervals, ONNX, scores."""

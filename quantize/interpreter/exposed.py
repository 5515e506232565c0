"""The bytes of a model -> its exposed twin, in which every intermediate tensor is an output.

The tensors inside a delegate cannot be read, its outputs can. Exposing them changes neither which kernels run nor what
they compute; comparing the logits of model and twin shows that.
"""

from quantize.model.graph import load_graph, load_schema


def expose(model: bytes) -> bytes:
    """Return the model with the output of every operation added behind the graph's own outputs."""
    import flatbuffers

    graph = load_graph(model)
    parsed = load_schema().ModelT.InitFromPackedBuf(model, 0)
    intermediate = [output for op in graph.ops for output in op.outputs if output not in graph.outputs]
    parsed.subgraphs[0].outputs = [*graph.outputs, *intermediate]
    parsed.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())

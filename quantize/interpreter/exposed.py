"""The bytes of a model -> its exposed twin, in which every intermediate tensor is an output.

A delegate keeps to itself what lies between its borders; an output is a border. Which kernels run and what they compute
does not change with it, and the logits of both, compared, show that.
"""

from quantize.model.graph import load_graph, load_schema


def expose(model: bytes) -> bytes:
    """The same operations and constants, with the output of every operation behind the graph's own outputs."""
    import flatbuffers

    graph = load_graph(model)
    parsed = load_schema().ModelT.InitFromPackedBuf(model, 0)
    intermediate = [output for op in graph.ops for output in op.outputs if output not in graph.outputs]
    parsed.subgraphs[0].outputs = [*graph.outputs, *intermediate]
    parsed.signatureDefs = None
    builder = flatbuffers.Builder(len(model))
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())

"""Pictures a second of the peers that are there: peers.py onnxruntime MODEL.onnx | pytorch

Both with inputs and outputs in the card's memory: what a program could reach at best.
"""
import statistics
import sys
import time

SIDE = 640
BATCHES = (1, 8, 16, 32)


def milliseconds(run, wait):
    for _ in range(4):
        run()
    wait()
    times, end = [], time.time() + 0.7
    while time.time() < end or len(times) < 5:
        start = time.perf_counter()
        run()
        wait()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def report(name, batch, ms):
    print(f"{name:34} batch {batch:3}  {ms:8.2f} ms  {1000 * batch / ms:8.0f}/s", flush=True)


def onnxruntime(model):
    import numpy
    import onnxruntime as ort

    print("onnxruntime", ort.__version__, ort.get_available_providers())
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        sys.exit("this Python's onnxruntime has no CUDA")
    session = ort.InferenceSession(model, providers=["CUDAExecutionProvider"])
    name = session.get_inputs()[0].name
    for batch in BATCHES:
        picture = numpy.random.rand(batch, 3, SIDE, SIDE).astype(numpy.float32)
        binding = session.io_binding()
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(picture, "cuda", 0))
        for output in session.get_outputs():
            binding.bind_output(output.name, "cuda")
        bound = milliseconds(lambda: session.run_with_iobinding(binding), lambda: None)
        report("float32, tensors on the card", batch, bound)
        plain = milliseconds(lambda: session.run(None, {name: picture}), lambda: None)
        report("float32, arrays", batch, plain)


def pytorch():
    import torch
    from ultralytics import YOLO

    print("torch", torch.__version__)
    model = YOLO("yolo11m.yaml").model.cuda().eval().fuse()
    with torch.no_grad():
        for precision in (torch.float32, torch.float16):
            model = model.to(precision).to(memory_format=torch.channels_last)
            for batch in BATCHES:
                shape = (batch, 3, SIDE, SIDE)
                picture = torch.rand(shape, device="cuda", dtype=precision)
                picture = picture.to(memory_format=torch.channels_last)
                wait = torch.cuda.synchronize
                eager = milliseconds(lambda: model(picture), wait)
                report(f"{precision}, eager", batch, eager)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph):
                    model(picture)
                report(f"{precision}, CUDA graph", batch, milliseconds(graph.replay, wait))


if __name__ == "__main__":
    onnxruntime(sys.argv[2]) if sys.argv[1] == "onnxruntime" else pytorch()

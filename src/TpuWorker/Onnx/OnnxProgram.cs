using Microsoft.ML.OnnxRuntime;
using Workflows.TpuWorker.Onnx.Kernels;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Onnx;

/// <summary>
/// A graph compiled for ONNX Runtime's CPU target, with every input and output bound to managed memory: bind once,
/// then fill the inputs, <see cref="Run"/> and read the outputs, with no allocation in between. Not thread-safe.
/// </summary>
public sealed class OnnxProgram : IDisposable
{
    private static readonly Lock FirstSession = new();
    private static volatile bool _isDomainKnown;

    private readonly SessionOptions _options;
    private readonly RunOptions _runOptions = new();
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly Dictionary<string, Node> _inputs;
    private readonly Dictionary<string, Node> _outputs;
    private readonly Dictionary<string, OrtValue> _bound = new(StringComparer.Ordinal);

    /// <summary>Lowers a graph and compiles it.</summary>
    /// <param name="graph">The graph, with its outputs named; nodes that no output needs are omitted.</param>
    /// <param name="threads">Threads that share the work of one operation, 1 or more.</param>
    public OnnxProgram(Graph graph, int threads)
    {
        var live = OnnxLowering.Live(graph);
        _inputs = graph.Inputs.Where(node => live[node.Index])
            .ToDictionary(node => node.Attributes.Name!, StringComparer.Ordinal);
        _outputs = graph.Outputs.ToDictionary(output => output.Key, output => output.Value, StringComparer.Ordinal);
        _options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };

        // The optimizer's loops run between two runs and need the cores on which idle workers would spin.
        _options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        SharedArena.Use(_options);
        ManagedKernels.Use(_options);
        _session = CreateSession(OnnxLowering.ToModel(graph), _options);
        _binding = _session.CreateIoBinding();
    }

    /// <summary>Returns whether an output depends on an input; an input without that need not be bound.</summary>
    /// <param name="input">The input's name.</param>
    /// <returns>true if one does.</returns>
    public bool Uses(string input) => _inputs.ContainsKey(input);

    /// <summary>Binds memory that is read at each run; ignored if no output depends on the input.</summary>
    /// <param name="name">The input's name.</param>
    /// <param name="tensor">The memory, of the input's type and shape.</param>
    /// <exception cref="TensorShapeException">The memory has another type or shape.</exception>
    public void BindInput(string name, HostTensor tensor)
    {
        if (_inputs.TryGetValue(name, out var node))
        {
            _binding.BindInput(name, Remember($"in:{name}", node, tensor));
        }
    }

    /// <summary>Binds memory that each run overwrites; it must not be bound to an input as well.</summary>
    /// <param name="name">The output's name.</param>
    /// <param name="tensor">The memory, of the output's type and shape.</param>
    /// <exception cref="TensorShapeException">There is no such output, or it has another type or shape.</exception>
    public void BindOutput(string name, HostTensor tensor)
    {
        if (!_outputs.TryGetValue(name, out var node))
        {
            throw new TensorShapeException("BindOutput", "name", $"'{name}'", "an output of the program");
        }

        _binding.BindOutput(name, Remember($"out:{name}", node, tensor));
    }

    /// <summary>Binds new memory for every output.</summary>
    /// <returns>The memory, by the output's name.</returns>
    public Dictionary<string, HostTensor> AllocateOutputs()
    {
        var tensors = _outputs.ToDictionary(
            output => output.Key, output => HostTensor.Zeros(output.Value.DType, output.Value.Shape),
            StringComparer.Ordinal);
        foreach (var (name, tensor) in tensors)
        {
            BindOutput(name, tensor);
        }

        return tensors;
    }

    /// <summary>Computes the outputs from the bound inputs.</summary>
    /// <param name="cancellation">Cancels the run between two operations; the outputs are then not valid.</param>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    /// <exception cref="InsufficientMemoryException">The runtime got no memory for an intermediate result.</exception>
    /// <exception cref="TensorShapeException">An input or output is not bound.</exception>
    public void Run(CancellationToken cancellation = default)
    {
        if (_bound.Count != _inputs.Count + _outputs.Count)
        {
            var missing = _inputs.Keys.Where(name => !_bound.ContainsKey($"in:{name}"))
                .Concat(_outputs.Keys.Where(name => !_bound.ContainsKey($"out:{name}")));
            throw new TensorShapeException("Run", "bindings", $"none for {string.Join(", ", missing)}", "all bound");
        }

        cancellation.ThrowIfCancellationRequested();
        _runOptions.Terminate = false;
        using var breakOff = cancellation.Register(() => _runOptions.Terminate = true);
        try
        {
            _session.RunWithBinding(_runOptions, _binding);
        }
        catch (OnnxRuntimeException fault) when (IsOutOfMemory(fault.Message))
        {
            throw new InsufficientMemoryException(fault.Message, fault);
        }
        catch (OnnxRuntimeException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _binding.Dispose();
        foreach (var value in _bound.Values)
        {
            value.Dispose();
        }

        _session.Dispose();
        _runOptions.Dispose();
        _options.Dispose();
    }

    /// <summary>Recognises the message, since the runtime has no status code for it.</summary>
    internal static bool IsOutOfMemory(string message) =>
        message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase)
        || message.Contains("bad_alloc", StringComparison.OrdinalIgnoreCase)
        || message.Contains("bad allocation", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Serialized until the first session exists: each session checks whether the runtime has the kernels' domain and
    /// adds it if not, so of two at once both would add it, and the second would fail.
    /// </summary>
    private static InferenceSession CreateSession(byte[] model, SessionOptions options)
    {
        if (_isDomainKnown)
        {
            return new InferenceSession(model, options);
        }

        lock (FirstSession)
        {
            var session = new InferenceSession(model, options);
            _isDomainKnown = true;
            return session;
        }
    }

    private OrtValue Remember(string key, Node node, HostTensor tensor)
    {
        if (node.DType != tensor.DType || !node.Shape.Equals(tensor.Shape))
        {
            throw new TensorShapeException(
                "Bind", key, $"{tensor.DType}{tensor.Shape}", $"{node.DType}{node.Shape}");
        }

        var sizes = OnnxWriter.Sizes(tensor.Shape);
        var value = tensor.DType == DType.Float32
            ? OrtValue.CreateTensorValueFromMemory(tensor.Floats, sizes)
            : OrtValue.CreateTensorValueFromMemory(tensor.Ints, sizes);
        if (_bound.Remove(key, out var old))
        {
            old.Dispose();
        }

        _bound.Add(key, value);
        return value;
    }
}

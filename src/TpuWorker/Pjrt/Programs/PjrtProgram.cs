using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Pjrt.Programs;

/// <summary>A graph, lowered to StableHLO and compiled for the first devices of a client.</summary>
public sealed class PjrtProgram : IDisposable
{
    private PjrtProgram(StableHloModule module, PjrtLoadedExecutable executable, bool wasLoaded) =>
        (Module, Executable, WasLoaded) = (module, executable, wasLoaded);

    /// <summary>Gets the text, the arguments and the outputs.</summary>
    public StableHloModule Module { get; }

    /// <summary>Gets the compiled program.</summary>
    public PjrtLoadedExecutable Executable { get; }

    /// <summary>Gets a value indicating whether it came from a cache, without a compilation.</summary>
    public bool WasLoaded { get; }

    /// <summary>Lowers and compiles a graph.</summary>
    /// <param name="client">The client; the program runs on its first devices.</param>
    /// <param name="graph">The graph, with its outputs named.</param>
    /// <param name="cache">Keeps the compiled program; null to always compile.</param>
    /// <param name="options">Options of the compiler; null for the defaults.</param>
    /// <param name="partition">The partition over the client's first devices; null for one device.</param>
    /// <returns>The program.</returns>
    /// <exception cref="TensorShapeException">The graph has no output.</exception>
    /// <exception cref="PjrtException">
    /// The compiler refuses, for example for lack of device memory (<see cref="PjrtErrorCode.ResourceExhausted"/>), or
    /// a state's update does not reuse its memory, which would silently double the memory of all states.
    /// </exception>
    public static PjrtProgram Compile(
        PjrtClient client, Graph graph, PjrtExecutableCache? cache = null, PjrtCompileOptions? options = null,
        StableHloPartition? partition = null)
    {
        return Compile(client, StableHloModule.Lower(graph, partition: partition), cache, options);
    }

    /// <summary>Compiles a lowered graph.</summary>
    /// <param name="client">The client; the program runs on its first devices.</param>
    /// <param name="module">The graph as StableHLO.</param>
    /// <param name="cache">Keeps the compiled program; null to always compile.</param>
    /// <param name="options">Options of the compiler; null for the defaults.</param>
    /// <returns>The program.</returns>
    /// <exception cref="PjrtException">As for a graph.</exception>
    public static PjrtProgram Compile(
        PjrtClient client, StableHloModule module, PjrtExecutableCache? cache = null,
        PjrtCompileOptions? options = null)
    {
        options = PjrtCompileOptions.Over(module.Devices, options);
        var (executable, wasLoaded) = cache is null
            ? (client.Compile(module.Text, options), false)
            : cache.GetOrCompile(client, module.Text, options);
        try
        {
            RequireDonation(module, executable);
            return new PjrtProgram(module, executable, wasLoaded);
        }
        catch
        {
            executable.Dispose();
            throw;
        }
    }

    /// <summary>Runs the program once with tensors of the host; its states are inputs like the others.</summary>
    /// <param name="inputs">A tensor for each argument by its name; others are ignored.</param>
    /// <returns>A tensor for each output by its name, including the updates of states.</returns>
    /// <exception cref="TensorShapeException">An input is missing, or has another type or shape.</exception>
    /// <exception cref="PjrtException">The plugin refuses, or the work failed.</exception>
    public Dictionary<string, HostTensor> Run(IReadOnlyDictionary<string, HostTensor> inputs)
    {
        using var session = new PjrtSession(this);
        foreach (var state in session.StateNames)
        {
            session.SetState(state, Given(inputs, state));
        }

        var outputs = session.Step(inputs);
        foreach (var state in session.StateNames)
        {
            outputs.Add(Module.Outputs[StateOf(state).Alias!.Value].Name, session.GetState(state));
        }

        return outputs;
    }

    /// <inheritdoc />
    public void Dispose() => Executable.Dispose();

    /// <summary>Finds an argument's tensor.</summary>
    internal static HostTensor Given(IReadOnlyDictionary<string, HostTensor> inputs, string name) =>
        inputs.TryGetValue(name, out var tensor)
            ? tensor
            : throw new TensorShapeException("Run", $"input '{name}'", "missing", "a tensor of that name");

    /// <summary>Checks that a tensor has an argument's type and shape.</summary>
    internal static void Require(StableHloValue argument, HostTensor tensor)
    {
        if (tensor.DType != argument.DType || !tensor.Shape.Equals(argument.Shape))
        {
            throw new TensorShapeException(
                "Run", $"input '{argument.Name}'", $"{tensor.DType}{tensor.Shape}",
                $"{argument.DType}{argument.Shape}");
        }
    }

    /// <summary>Copies a tensor to the program's devices, whole or split as its argument is.</summary>
    internal PjrtBuffer[] Upload(StableHloValue argument, HostTensor tensor)
    {
        Require(argument, tensor);
        return PjrtTensors.Upload(Executable.Client, tensor, Module.Devices, argument.SplitAxis);
    }

    /// <summary>Finds a state's argument.</summary>
    internal StableHloValue StateOf(string name) =>
        Module.Arguments.FirstOrDefault(argument => argument.Name == name && argument.Alias is not null)
        ?? throw new TensorShapeException(
            "State", "name", $"'{name}'", $"one of {string.Join(", ", Module.Arguments.Where(argument =>
                argument.Alias is not null).Select(argument => argument.Name))}");

    private static void RequireDonation(StableHloModule module, PjrtLoadedExecutable executable)
    {
        if (module.DonatedBytes > 0 && executable.Executable.ReadMemory() is { } memory
            && memory.Aliased < module.DonatedBytesPerDevice)
        {
            throw new PjrtException(
                PjrtErrorCode.FailedPrecondition, "Compile",
                $"the updates of states take {memory.Aliased} bytes of their memory, wanted "
                + $"{module.DonatedBytesPerDevice}: the compiler would keep two copies");
        }
    }
}

using System.Diagnostics;
using Workflows.TpuWorker.Gemma3.Decoding;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Gemma3.Model;
using Workflows.TpuWorker.Gemma3.Training;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Programs;
using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Gemma3.Lean;

/// <summary>
/// Computes on the devices of a PJRT plugin: whole steps as one program, with weights, moments and caches that stay on
/// the devices.
/// </summary>
public sealed class PjrtExecutor : Executor, IDisposable
{
    private const long ElementBytes = 4;

    private readonly PjrtClient _client;
    private readonly PjrtExecutableCache? _cache;

    // Programs by the text's hash. A program holds no weights, so trainings, validations and decodings of one kind
    // share it.
    private readonly Dictionary<string, PjrtProgram> _programs = new(StringComparer.Ordinal);

    /// <summary>Creates an executor on a client.</summary>
    /// <param name="client">The client, which must outlive the executor.</param>
    /// <param name="precision">Element types; null for <see cref="PrecisionPolicy.Mixed"/>.</param>
    /// <param name="cache">Keeps compiled programs for the next process; null to always compile.</param>
    /// <param name="devices">Number of its devices, from the first, that share the work.</param>
    /// <exception cref="ModelInputException">The client has fewer devices.</exception>
    public PjrtExecutor(
        PjrtClient client, PrecisionPolicy? precision = null, PjrtExecutableCache? cache = null, int devices = 1)
    {
        (_client, _cache, Precision, Devices) = (client, cache, precision ?? PrecisionPolicy.Mixed, devices);
        Precision.Validate();
        if (devices < 1 || devices > client.AddressableDevices.Count)
        {
            throw new ModelInputException(
                "devices", $"is {devices}, wanted 1 to {client.AddressableDevices.Count}, which the plugin has");
        }
    }

    /// <summary>Gets or sets the callback for compilations and transferred weights; null for none.</summary>
    public Action<ExecutorStage>? OnStage { get; set; }

    /// <summary>Gets the compiler's options; null for the defaults.</summary>
    public PjrtCompileOptions? CompileOptions { get; init; }

    /// <summary>Gets the number of devices that share the work.</summary>
    public int Devices { get; }

    /// <summary>Gets the element types.</summary>
    public PrecisionPolicy Precision { get; }

    /// <summary>Gets the seconds spent so far on compiling programs or loading compiled ones.</summary>
    public double CompileSeconds { get; private set; }

    /// <summary>Gets the number of programs compiled or loaded so far.</summary>
    public int ProgramCount { get; private set; }

    /// <summary>Disposes the compiled programs; sessions and decoders must be disposed before.</summary>
    public void Dispose()
    {
        foreach (var program in _programs.Values)
        {
            program.Dispose();
        }

        _programs.Clear();
    }

    /// <inheritdoc />
    public override ITextDecoder CreateDecoder(Gemma3Checkpoint model)
    {
        var weights = CreateTensors();
        try
        {
            foreach (var (name, stack) in LeanParameters.Stacks(model.Parameters, Precision.Frozen))
            {
                weights.Set(name, stack);
            }

            Tell("the model is on the device");
            return new PjrtTextDecoder(this, model.Config, weights, ownsWeights: true)
            {
                Precision = Precision,
            };
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public override bool RequireMemory(Gemma3Config config, FineTuneOptions options)
    {
        options.Validate();
        var all = Gemma3Parameters.All(config).Sum(each => each.Shape.ElementCount);
        var trained = options.Lora is { } lora
            ? LoraParameters.All(config, lora).Sum(each => each.Shape.ElementCount)
            : all;

        // Memory of the host: the base model, the copy of weights and moments, and the exported model.
        var needed = ElementBytes * (all + (3 * trained) + all);
        var limit = MachineMemory.LimitBytes();
        return needed > limit
            ? throw TrainingMemoryException.HostRefused(needed, limit)
            : options.WriteCheckpointsInBackground && needed + (3 * ElementBytes * trained) <= limit;
    }

    /// <inheritdoc />
    internal override ITrainingSession CreateSession(
        Gemma3Checkpoint model, FineTuneOptions options, Dictionary<string, HostTensor> weights,
        IReadOnlyList<TrainingExample> examples, DataOrder order) =>
        new PjrtTrainingSession(this, model, options, weights, examples, order);

    /// <summary>Gets the most bytes that may be in use on the device; null if the plugin does not report it.</summary>
    internal long? DeviceLimit => _client.AddressableDevices[0].ReadMemory()?.BytesLimit is > 0 and var limit
        ? limit
        : null;

    /// <summary>Gets or sets a callback for each graph before it is compiled, with which tests instruct a fake
    /// plugin.</summary>
    internal Action<Graph, StableHloModule>? OnModule { get; set; }

    internal PjrtTensors CreateTensors() => new(_client, LeanSharding.Over(Devices));

    /// <summary>Rounds rows up so that each device has equally many.</summary>
    internal int RowsFor(int rows) => (rows + Devices - 1) / Devices * Devices;

    internal void Tell(string stage) => OnStage?.Invoke(new ExecutorStage(stage));

    /// <summary>
    /// Compiles a graph, or reuses the program of an equal one, from here or an earlier process; the executor owns it.
    /// </summary>
    internal PjrtProgram Compile(string name, Graph graph)
    {
        var module = StableHloModule.Lower(graph, partition: LeanSharding.Over(Devices));
        if (_programs.TryGetValue(module.Hash, out var known))
        {
            return known;
        }

        OnStage?.Invoke(new ExecutorStage($"compiling {name}", IsCompiling: true));
        OnModule?.Invoke(graph, module);
        var began = Stopwatch.GetTimestamp();
        var program = PjrtProgram.Compile(_client, module, _cache, CompileOptions);
        _programs.Add(module.Hash, program);
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        CompileSeconds += seconds;
        ProgramCount++;
        OnStage?.Invoke(new ExecutorStage(
            $"{(program.WasLoaded ? "loaded" : "compiled")} {name}",
            Ready: new ProgramReady(seconds, program.WasLoaded)));
        return program;
    }
}

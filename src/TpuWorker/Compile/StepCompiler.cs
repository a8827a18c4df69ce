using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Workflows.TpuWorker.Gemma3.Lean;
using Workflows.TpuWorker.Gemma3.Lora;
using Workflows.TpuWorker.Pjrt;
using Workflows.TpuWorker.Pjrt.Host;
using Workflows.TpuWorker.Pjrt.Processes;
using Workflows.TpuWorker.StableHlo;
using Workflows.TpuWorker.Tensors;

namespace Workflows.TpuWorker.Compile;

/// <summary>
/// Builds a run's own training step and decoding for a chip, counts their work and memory, and compiles them if a
/// plugin is available, so that it is known before renting whether a batch fits.
/// </summary>
/// <param name="child">Command line of a process that runs <see cref="CompileChild"/>.</param>
public sealed class StepCompiler(IReadOnlyList<string> child)
{
    private const int MostBatch = 4096, LaunchTokens = 8;

    /// <summary>Variables that libtpu reads when it is loaded, on a machine without a metadata server.</summary>
    private static readonly Dictionary<string, string> PluginEnvironment = new(StringComparer.Ordinal)
    {
        ["TPU_SKIP_MDS_QUERY"] = "1",
    };

    /// <summary>
    /// Gets the longest compilation of one program; a step of 1B takes up to two minutes, and a compiler can hang.
    /// </summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>
    /// Gets a value indicating whether a compiler that is not one for TPUs is refused, in place of reporting the
    /// figures of this machine.
    /// </summary>
    public bool RequiresTpu { get; init; }

    /// <summary>Checks the programs.</summary>
    /// <param name="request">Sizes, chip and plugin.</param>
    /// <param name="cancellation">Stops the compiler.</param>
    /// <returns>The figures; memory and seconds of the compiler only if there was one.</returns>
    /// <exception cref="CompileException">A size, topology or plugin is not valid, or the compiler failed.</exception>
    public Task<CompileReport> RunAsync(CompileRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        return RunAsync(request, PluginOf(request.Plugin), cancellation);
    }

    /// <summary>Checks the programs with a plugin that was found; null counts them only.</summary>
    internal async Task<CompileReport> RunAsync(
        CompileRequest request, string? plugin, CancellationToken cancellation)
    {
        var slice = TpuSlice.Parse(request.Topology);
        var chip = slice.Chip;
        var (step, modules) = Build(request);
        await using var compiler = plugin is null ? null : Start();
        var programs = new List<CompiledProgram>();
        string? made = null;
        foreach (var (name, module, cost) in modules)
        {
            var program = new CompiledProgram(
                name, module.Text.Length, module.Hash, cost.ProductFlops, cost.ArgumentBytes, cost.DonatedBytes)
            {
                File = Dump(request.DumpFolder, name, module.Text),
            };
            if (compiler is not null)
            {
                (program, var by) = await CompileAsync(
                    compiler, plugin!, request.Topology, program, module, cancellation);
                made ??= by;
            }

            programs.Add(program);
        }

        if (request.DumpFolder is { } folder)
        {
            await File.WriteAllBytesAsync(
                Path.Combine(folder, "compile_options.pb"), PjrtCompileOptions.Over(slice.Chips).ToBytes(),
                cancellation);
        }

        var parameters = LeanParameters.All(request.Model, LoraOf(request)).ToList();
        var weights = parameters.Sum(each => each.Shape.ElementCount);
        var trained = parameters.Where(each => each.IsTrained).Sum(each => each.Shape.ElementCount);
        return new CompileReport
        {
            Topology = request.Topology,
            Chips = slice.Chips,
            Method = request.LoraRank is { } rank ? $"lora (rank {rank})" : "full",
            Batch = request.Batch,
            Length = request.Length,
            Parameters = request.LoraRank is null ? weights : weights - trained,
            TrainedParameters = trained,
            MemoryLimitBytes = chip.MemoryBytes,
            Compiler = made,
            Programs = programs,
            LargestBatch = request.FindsLargestBatch && compiler is not null
                ? await LargestAsync(compiler, plugin!, request, cancellation)
                : null,
            TokensPerStep = (long)request.Batch * request.Length * request.MicroBatches,
            StepSeconds = Math.Max(
                step.Cost.ProductFlops / (slice.Chips * chip.PeakTflops * 1e12),
                (step.Cost.ArgumentBytes + step.Cost.OutputBytes) / (slice.Chips * chip.GigabytesPerSecond * 1e9)),
        };
    }

    /// <summary>Counts the arguments of a run's training step, by the program's own shapes; compiles nothing.</summary>
    /// <param name="request">Sizes and topology.</param>
    /// <returns>
    /// Bytes of weights, moments and rows that each chip needs at least: large arguments are split over the chips,
    /// small ones are on each. Temporary values of the program come on top.
    /// </returns>
    /// <exception cref="CompileException">No program can be built for the sizes.</exception>
    public static long LeastArgumentBytes(CompileRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            return StepOf(request, request.Batch).Cost.ArgumentBytes / request.Chips;
        }
        catch (Exception exception) when (exception is TpuWorkerException or OverflowException)
        {
            throw new CompileException($"These sizes cannot be built: {exception.Message}", exception);
        }
    }

    /// <summary>Counts the work of a run's programs from their graphs; lowers and compiles nothing.</summary>
    /// <param name="request">Sizes and topology.</param>
    /// <returns>The counts.</returns>
    /// <exception cref="CompileException">No program can be built for the sizes.</exception>
    public static StepCounts Count(CompileRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            var (step, plan) = (StepOf(request, request.Batch), DecodePlanOf(request));
            var decode = LeanDecode.Build(request.Model, plan);
            var (prefill, launch) = (GraphCost.Of(decode.PrefillGraph), GraphCost.Of(decode.LaunchGraph));
            var adapter = LoraOf(request);
            var all = LeanParameters.All(request.Model, adapter);
            return new StepCounts(
                all.Where(each => adapter is null || !each.IsTrained).Sum(each => each.Shape.ElementCount),
                Work(step.Cost),
                Work(prefill),

                // Each token of a launch reads all weights and the whole cache.
                new ProgramWork(
                    (double)launch.ProductFlops / plan.LaunchTokens,
                    launch.ArgumentBytes + ((double)launch.OutputBytes / plan.LaunchTokens)))
            {
                TrainedParameters = all.Where(each => each.IsTrained).Sum(each => each.Shape.ElementCount),
            };
        }
        catch (Exception exception) when (exception is TpuWorkerException or OverflowException)
        {
            throw new CompileException($"These sizes cannot be built: {exception.Message}", exception);
        }

        static ProgramWork Work(GraphCost cost) =>
            new(cost.ProductFlops, (double)cost.ArgumentBytes + cost.OutputBytes);
    }

    /// <summary>Builds the programs of a run: the training step, and the two of decoding.</summary>
    private static (LeanStep Step, (string Name, StableHloModule Module, GraphCost Cost)[] Programs) Build(
        CompileRequest request)
    {
        try
        {
            var step = StepOf(request, request.Batch);
            var decode = LeanDecode.Build(request.Model, DecodePlanOf(request));
            return (step,
            [
                ("training_step", step.Module, step.Cost),
                ("prefill", decode.Prefill, GraphCost.Of(decode.PrefillGraph)),
                ("decode", decode.Launch, GraphCost.Of(decode.LaunchGraph)),
            ]);
        }
        catch (Exception exception) when (exception is TpuWorkerException or OverflowException)
        {
            throw new CompileException($"These sizes cannot be built: {exception.Message}", exception);
        }
    }

    private static LeanStep StepOf(CompileRequest request, int batch) => LeanStep.Build(request.Model, new LeanPlan
    {
        Batch = RowsFor(request, batch),
        Length = request.Length,
        Devices = request.Chips,
        Answers = request.Answers,
        MicroBatches = request.MicroBatches,
        Lora = LoraOf(request),
    });

    private static DecodePlan DecodePlanOf(CompileRequest request) => new()
    {
        Batch = RowsFor(request, request.DecodeBatch),
        Devices = request.Chips,
        PromptLength = request.PromptLength ?? request.Length,
        NewTokens = request.NewTokens,
        LaunchTokens = Math.Min(LaunchTokens, request.NewTokens),
        Lora = LoraOf(request),
    };

    /// <summary>Rounds rows up so that each chip has equally many, as the worker pads them.</summary>
    private static int RowsFor(CompileRequest request, int rows) =>
        (rows + request.Chips - 1) / request.Chips * request.Chips;

    private static LoraOptions? LoraOf(CompileRequest request) => request.LoraRank is not { } rank
        ? null
        : request.LoraTargets.Count == 0
        ? new LoraOptions { Rank = rank }
        : new LoraOptions
        {
            Rank = rank,
            Targets = request.LoraTargets.Aggregate(
                LoraTargets.None, (all, name) => LoraTargetNames.All.TryGetValue(name, out var target)
                    ? all | target
                    : throw new CompileException($"'{name}' is no linear layer of the model.")),
        };

    /// <summary>Doubles and halves the batch until the next one does not fit.</summary>
    private async Task<int> LargestAsync(
        ChildProcess compiler, string plugin, CompileRequest request, CancellationToken cancellation)
    {
        var largest = 0;
        var batch = request.Batch;
        var isGrowing = true;
        while (batch is >= 1 and <= MostBatch)
        {
            var module = StepOf(request, batch).Module;
            var (program, _) = await CompileAsync(
                compiler, plugin, request.Topology,
                new CompiledProgram("training_step", module.Text.Length, module.Hash, 0, 0, 0), module, cancellation);
            var fits = program.Refusal is null;
            largest = fits ? Math.Max(largest, batch) : largest;
            isGrowing = batch == request.Batch ? fits : isGrowing;
            if (fits != isGrowing)
            {
                break;
            }

            batch = isGrowing ? batch * 2 : batch / 2;
        }

        return largest;
    }

    private async Task<(CompiledProgram Program, string? Compiler)> CompileAsync(
        ChildProcess compiler, string plugin, string topology, CompiledProgram program, StableHloModule module,
        CancellationToken cancellation)
    {
        // The plugin for processors has no topologies: its figures are those of this machine.
        var isTpu = RequiresTpu || !Path.GetFileName(plugin).Contains("cpu", StringComparison.OrdinalIgnoreCase);
        var order = JsonSerializer.SerializeToUtf8Bytes(
            new CompileChild.Order(plugin, isTpu ? topology : null, module.Text, module.Devices));
        try
        {
            var answer = JsonSerializer.Deserialize<CompileChild.Answer>(
                await compiler.RequestAsync(order, Deadline, cancellation));
            Require(answer);
            return (program with { Memory = answer.Memory, CompileSeconds = answer.Seconds }, answer.Compiler);
        }
        catch (ChildFaultException fault) when (fault.PluginCode == PjrtErrorCode.ResourceExhausted)
        {
            return (program with { Refusal = fault.Message.ReplaceLineEndings(" ") }, null);
        }
        catch (ChildFaultException fault)
        {
            throw new CompileException($"{program.Name}: {fault.Message}", fault);
        }
        catch (JsonException exception)
        {
            throw new CompileException($"{program.Name}: the compiler's process answered nonsense.", exception);
        }
    }

    /// <summary>Checks an answer: figures of another device than a TPU must not decide about a TPU.</summary>
    private void Require([NotNull] CompileChild.Answer? answer)
    {
        if (answer is not { Compiler: { } name, Memory: null or { IsPossible: true } })
        {
            throw new JsonException("The answer lacks its compiler, or its figures cannot be.");
        }

        if (RequiresTpu && !name.StartsWith("tpu", StringComparison.OrdinalIgnoreCase))
        {
            throw new CompileException($"the plugin compiles for {name}, not for TPUs.");
        }

        if (RequiresTpu && answer.Memory is null)
        {
            throw new CompileException($"the compiler {name} does not count memory.");
        }
    }

    private static string? PluginOf(string? given)
    {
        try
        {
            // Only a plugin for TPUs can check a TPU's programs; another one is used if it is named.
            var found = PjrtPluginFile.Find(given, hasChips: true, Environment.GetEnvironmentVariable);
            return found?.Path;
        }
        catch (PjrtPluginException exception)
        {
            throw new CompileException($"--plugin: {exception.Message}", exception);
        }
    }

    private static string? Dump(string? folder, string name, string text)
    {
        if (folder is null)
        {
            return null;
        }

        try
        {
            Directory.CreateDirectory(folder);
            var path = Path.Combine(folder, $"{name}.mlir");
            File.WriteAllText(path, text);
            return path;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CompileException($"--dump: '{folder}' cannot be written: {exception.Message}", exception);
        }
    }

    private ChildProcess Start()
    {
        try
        {
            return ChildProcess.Start(new ChildProcessOptions
            {
                Program = child[0],
                Arguments = [.. child.Skip(1)],
                Environment = PluginEnvironment,
            });
        }
        catch (Win32Exception exception)
        {
            throw new CompileException(
                $"The compiler's process '{child[0]}' cannot be started: {exception.Message}", exception);
        }
    }
}

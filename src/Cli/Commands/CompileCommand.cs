using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.ModelFiles;
using Workflows.Orchestrations;
using Workflows.TpuWorker.Compile;

namespace Workflows.Cli.Commands;

/// <summary>
/// Implements <c>workflows compile REQUEST --topology v6e:1x1</c>, which checks a run's programs for a chip that this
/// machine does not have.
/// </summary>
internal static class CompileCommand
{
    private const double Gibibyte = 1L << 30;

    private static readonly Argument<string> Request = new("request")
    {
        Description = "A request file, or a model folder, of which config.json is enough.",
    };

    private static readonly Option<string> Topology = new("--topology")
    {
        Description = "The chips of one host, such as v6e:1x1, v5e:2x4, v5p:2x2x1 or v4:1x1x1.",
        Required = true,
    };

    private static readonly Option<string?> Plugin = new("--plugin")
    {
        Description = "The compiler: a path to libtpu.so, or 'libtpu' for the installed one (eng/get-pjrt-plugin.sh). "
            + "Without one the programs are written and counted, not compiled.",
    };

    private static readonly Option<string?> Dump = new("--dump")
    {
        Description = "Write the programs (StableHLO text) and the compile options into this folder.",
    };

    private static readonly Option<int?> Batch = new("--batch")
    {
        Description = "Rows of a pass (training.batchSize).",
    };

    private static readonly Option<int?> Length = new("--length")
    {
        Description = "Positions of a row (training.maxLength).",
    };

    private static readonly Option<int?> Rank = new("--lora-rank")
    {
        Description = "Rank of an adapter; 0 trains all weights (training.method, training.lora.rank).",
    };

    private static readonly Option<bool> Largest = new("--largest-batch")
    {
        Description = "Search for the largest batch that fits; compiles several times.",
    };

    public static Command CreateChild()
    {
        var command = new Command(CompileChild.Name, "Compiles for the compile command.") { Hidden = true };
        command.SetAction(async (_, _) =>
        {
            await CompileChild.RunAsync();
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Create() => Create(Console.Out, Console.Error);

    public static Command Create(TextWriter output, TextWriter error)
    {
        var command = new Command(
            "compile", "Compile a run's programs for a TPU, without one: workflows compile samples/ko-en.json "
                + "--topology v6e:1x1")
        {
            Request, Topology, Plugin, Dump, Batch, Length, Rank, Largest, CommonOptions.Json,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                var request = Read(parsed);
                var report = await new StepCompiler(Child()).RunAsync(request, cancellation);
                report = report with { StepUsd = Price(report) };
                if (parsed.GetValue(CommonOptions.Json))
                {
                    output.WriteLine(JsonSerializer.Serialize(report, RunLedger.Json));
                }
                else
                {
                    Write(report, request, output);
                }

                return report.Programs.Any(program => program.Refusal is not null) ? ExitCodes.Failed : ExitCodes.Done;
            }
            catch (Exception exception)
                when (exception is CompileException or CommandException or ModelFileException)
            {
                await error.WriteLineAsync(TerminalText.Of(exception.Message));
                return ExitCodes.Invalid;
            }
            catch (OperationCanceledException)
            {
                return ExitCodes.Detached;
            }
        });
        return command;
    }

    /// <summary>Reads the sizes from the request or the folder; the options override them.</summary>
    private static CompileRequest Read(ParseResult parsed)
    {
        var path = parsed.GetValue(Request)!;
        var json = Directory.Exists(path)
            ? new JsonObject { ["model"] = Path.GetFullPath(path) }
            : JsonNode.Parse(RequestFile.Read(path, null, null), RequestFile.AnyCase)!.AsObject();
        var training = json["training"] as JsonObject;
        var lora = string.Equals(Text(training?["method"]), "lora", StringComparison.Ordinal)
            ? Number(training?["lora"]?["rank"]) ?? 16
            : 0;
        var model = Text(json["model"])
            ?? throw new CommandException($"'{path}' names no model.", ExitCodes.Invalid);
        if (model.Contains("://", StringComparison.Ordinal))
        {
            throw new CommandException(
                $"model: '{model}' is no folder of this machine; sizes are read from a folder's config.json. Download "
                + "that file, and name its folder in place of the request.", ExitCodes.Invalid);
        }

        var rank = parsed.GetValue(Rank) ?? lora;
        return new CompileRequest
        {
            Model = Gemma3ConfigFile.Read(Path.Combine(model, "config.json")),
            Topology = parsed.GetValue(Topology)!,
            Batch = InRange("--batch", parsed.GetValue(Batch) ?? Number(training?["batchSize"]) ?? 16, 65_536),
            Length = InRange("--length", parsed.GetValue(Length) ?? Number(training?["maxLength"]) ?? 128, 131_072),
            MicroBatches = InRange(
                "training.accumulationSteps", Number(training?["accumulationSteps"]) ?? 1, 4096),
            LoraRank = rank == 0 ? null : InRange("--lora-rank", rank, 1024),
            NewTokens = InRange(
                "evaluation.maxNewTokens", Number(json["evaluation"]?["maxNewTokens"]) ?? 128, 131_072),
            Plugin = parsed.GetValue(Plugin),
            DumpFolder = parsed.GetValue(Dump),
            FindsLargestBatch = parsed.GetValue(Largest),
        };
    }

    private static int InRange(string name, int value, int most) => value >= 1 && value <= most
        ? value
        : throw new CommandException($"{name}: {value} is out of range; use 1 to {most}.", ExitCodes.Invalid);

    private static string? Text(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static int? Number(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;

    /// <summary>Returns the command line of this program as the process that loads the plugin.</summary>
    private static IReadOnlyList<string> Child()
    {
        var assembly = typeof(CompileCommand).Assembly.Location;
        var program = Environment.ProcessPath!;
        return Path.GetFileNameWithoutExtension(program) == "dotnet"
            ? [program, assembly, CompileChild.Name]
            : [program, CompileChild.Name];
    }

    private static double? Price(CompileReport report)
    {
        var type = TpuSlice.Parse(report.Topology).AcceleratorType;
        return type is not null && PriceCatalog.Load(null).Offers(type, ProvisioningMode.Spot, null) is [var offer, ..]
            ? offer.UsdPerHour * report.StepSeconds / 3600
            : null;
    }

    /// <summary>Formats the limit; a compiler for processors counts memory of this machine, not of the chip.</summary>
    private static string Limit(CompileReport report) =>
        report.Compiler?.Contains("tpu", StringComparison.OrdinalIgnoreCase) == true
            ? string.Create(CultureInfo.InvariantCulture, $"of {report.MemoryLimitBytes / Gibibyte:0.00} GiB")
            : "GiB on the compiler's own device, which is no TPU";

    private static void Write(CompileReport report, CompileRequest request, TextWriter output)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Method}, {report.Batch} x {report.Length} on {report.Topology}: {report.Parameters / 1e6:0.0} "
            + $"million weights, {report.TrainedParameters / 1e6:0.0} million trained"));
        text.WriteLine($"compiler      {report.Compiler ?? "none: figures are the programs' own"}");
        foreach (var program in report.Programs)
        {
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{program.Name,-14}{program.Flops / 1e12:0.000} TFLOP, arguments "
                + $"{program.ArgumentBytes / Gibibyte:0.00} GiB of which {program.DonatedBytes / Gibibyte:0.00} are "
                + $"overwritten in place"));
            if (program.Memory is { } memory)
            {
                text.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"              {memory.Total / Gibibyte:0.00} {Limit(report)}"
                    + $"{(report.Chips > 1 ? " on each chip" : "")}: "
                    + $"arguments {memory.Arguments / Gibibyte:0.00}, "
                    + $"temporaries {memory.Temporaries / Gibibyte:0.00}, "
                    + $"outputs {(memory.Outputs - memory.Aliased) / Gibibyte:0.00}, "
                    + $"code {memory.Code / Gibibyte:0.00}; compiled in {program.CompileSeconds:0.0} s"));
            }
            else if (program.Refusal is { } refusal)
            {
                text.WriteLine($"              refused: {refusal}");
            }

            if (program.File is { } file)
            {
                text.WriteLine($"              {file}");
            }
        }

        text.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"a step        {report.TokensPerStep} tokens, at least {report.StepSeconds:0.0000} s at the "
            + $"{(report.Chips > 1 ? "chips'" : "chip's")} peak"
            + $"{(report.StepUsd is { } usd ? $", {usd:0.000000} USD on the cheapest spot" : "")}"));
        if (report.LargestBatch is { } largest)
        {
            text.WriteLine(largest == 0
                ? "No batch fits."
                : $"largest       a batch of {largest} fits (powers of two times {request.Batch} were tried)");
        }

        output.Write(TerminalText.Of(text.ToString()));
        output.Flush();
    }
}

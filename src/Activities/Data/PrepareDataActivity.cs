using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Translation;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Data;

/// <summary>
/// Reads the corpus, cleans it, splits it, removes from training all pairs of the test or validation part, and checks
/// that model and corpus fit each other. Counts the rows left out by reason. Copies the parts, and the model, to where
/// the worker can read them.
/// </summary>
/// <param name="ledger">Receives the facts.</param>
/// <param name="inputs">Reads users' files.</param>
/// <param name="artifacts">The place of the parts; null for the run's folder.</param>
/// <param name="board">Shows the progress of the model's copy; null for none.</param>
/// <param name="programs">Counts tokens with their prompt, as the worker does; null to count the texts alone.</param>
public sealed class PrepareDataActivity(
    RunLedger ledger, InputWork inputs, RunArtifacts? artifacts = null, TransferBoard? board = null,
    IRunPrograms? programs = null)
    : TaskActivity<RunSpec, PreparedData>
{
    /// <summary>The fewest test pairs of a run; fewer cannot be compared.</summary>
    public const int LeastTest = 5;

    /// <summary>The fewest validation pairs of a run that measures them.</summary>
    public const int LeastValidation = 2;

    internal const int LeastTrain = 10;

    private const string Overlap = "train/test overlap", Reading = "reading";

    private readonly RunArtifacts _artifacts = artifacts ?? new RunArtifacts(ledger);

    /// <inheritdoc />
    public override async Task<PreparedData> RunAsync(TaskActivityContext context, RunSpec input)
    {
        var (data, models, source) = await inputs.RunAsync(
            input.RunId, token => PrepareAsync(input, token).GetAwaiter().GetResult());
        if (source is not null)
        {
            data = data with { ModelUri = (await BringAsync(input, models, source)).ToText() };
        }

        RequireSame(input, data);
        ledger.AppendInPart(input.RunId, LedgerKinds.Data, "data", data);
        return data;
    }

    /// <summary>Computes a hash of the fields on which the preparation depends.</summary>
    internal static string HashOf(RunSpec spec) => Convert.ToHexStringLower(SHA256.HashData(
        JsonSerializer.SerializeToUtf8Bytes(new
        {
            spec.Data,
            spec.Model,
            spec.Direction,
            spec.Prompt,
            spec.PromptTemplate,
            spec.Evaluation,
            Training = spec.Training with
            {
                Steps = 0,
                EarlierSteps = null,
                CheckpointEverySteps = 0,
                KeepCheckpoints = 0,
            },
        })));

    /// <summary>
    /// Refuses files that have changed since an earlier part of the run trained on them: its checkpoints are of other
    /// sentences, and its finished variants were tested on others.
    /// </summary>
    private void RequireSame(RunSpec input, PreparedData data)
    {
        var step = RunParts.Current(ledger.Read(input.RunId)).Where(entry => entry.Kind == LedgerKinds.Found)
            .Select(entry => entry.Data.Deserialize<FoundFact>(RunLedger.Json)!.CheckpointStep).LastOrDefault();
        var before = ledger.Read<PreparedData>(input.RunId, LedgerKinds.Data)
            .Select(fact => fact.Data.Sha256).LastOrDefault(hashes => hashes is not null);
        var hasVariant = ledger.Read(input.RunId).Any(entry => entry.Kind == LedgerKinds.VariantBegun);
        if ((step > 0 || hasVariant) && before is not null && data.Sha256!.Any(
            file => before.TryGetValue(file.Key, out var hash) && hash != file.Value))
        {
            throw new RunFaultException(
                "RESUME_DATA_CHANGED",
                hasVariant
                    ? "The corpus was prepared again, and differs from the one with which variants have begun."
                    : "The corpus was prepared again, and differs from the one of which the checkpoint of step "
                        + $"{step} is.",
                "Bring the files of the first part back, or start a new run with these.");
        }
    }

    /// <summary>Copies the model after all checks have passed.</summary>
    private async Task<ArtifactUri> BringAsync(RunSpec input, ArtifactUri models, ModelSource source)
    {
        var begun = TimeProvider.System.GetTimestamp();
        try
        {
            var (tree, wasThere) = await inputs.TransferAsync(
                input.RunId, (alive, token) => RunArtifacts.GuardAsync(() => _artifacts.BringModelAsync(
                    input, models, source, progress =>
                    {
                        alive();
                        board?.Note(input.RunId, progress);
                    }, token), "model"));
            if (tree != source.Address)
            {
                ledger.Append(input.RunId, LedgerKinds.ModelBrought, "model", new ModelBroughtFact(
                    tree.ToText(), source.Bytes, TimeProvider.System.GetElapsedTime(begun).TotalSeconds, wasThere));
            }

            return tree;
        }
        finally
        {
            board?.Clear(input.RunId);
        }
    }

    private async Task<(PreparedData Data, ArtifactUri Models, ModelSource? Source)> PrepareAsync(
        RunSpec input, CancellationToken cancellation)
    {
        var sources = new RunSources(ledger, _artifacts);
        try
        {
            return await PrepareAsync(input, sources, cancellation);
        }
        catch (CorpusException exception)
        {
            throw new RunFaultException(
                exception.ErrorCode, sources.Worded(input, exception.Message),
                "Correct the file, or name another one in data.train, data.test or data.validation."
                + (exception.Error == CorpusError.TooLarge
                    ? " The limit of bytes is the setting Workflows:InputGibibytes." : ""));
        }
        finally
        {
            sources.Clean(input);
        }
    }

    private async Task<(PreparedData Data, ArtifactUri Models, ModelSource? Source)> PrepareAsync(
        RunSpec input, RunSources sources, CancellationToken cancellation)
    {
        if (input.Group is { } group)
        {
            return await ShareAsync(input, group, sources, cancellation);
        }

        var account = new DropAccount();
        var (train, test, validation, overlap) = await RunCorpus.ReadAsync(
            input, account, inputs.Bytes, (field, files) => sources.FetchAsync(input, field, files, cancellation),
            cancellation);

        Require(train.Count >= LeastTrain, "data.train", train.Count, LeastTrain, account);
        Require(test.Count >= LeastTest, "data.test", test.Count, LeastTest, account);
        Require(
            validation is null || validation.Count >= LeastValidation, "data.validation", validation?.Count ?? 0,
            LeastValidation, account);

        // Finds the model before anything is sent anywhere. A group has none: its variants check theirs.
        var source = input.Variants is null ? await sources.FindModelAsync(input, cancellation) : null;
        var gates = source is null ? [] : new ModelGates(input, programs).Check(
            await sources.ViewAsync(input, source, cancellation), source.IsLocal, new RunPairs(train, test, validation),
            cancellation);
        var (root, models) = await RunArtifacts.GuardAsync(
            () => _artifacts.ChooseAsync(input, cancellation));
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var data = new PreparedData(
            await WriteAsync("train.jsonl", train), await WriteAsync("test.jsonl", test), train.Count, test.Count,
            account.Counts)
        {
            ValidationUri = validation is null ? null : await WriteAsync("validation.jsonl", validation),
            Sha256 = hashes,
            RequestHash = HashOf(input),
            ArtifactsUri = root.ToText(),
            ValidationPairs = validation?.Count ?? 0,
            Samples = account.Samples,
            Gates =
            [
                new GateResult(
                    Overlap, $"no test sentence is trained on; {overlap} training pairs taken out"),
                .. account.Notes.Select(note => new GateResult(Reading, note)),
                .. source?.IsLocal != false
                    ? [] : new[] { new GateResult("model", $"{source.Address}, as this run found it") },
                .. gates,
            ],
        };
        return (data with { Passes = data.Epochs(input.Training) }, models, source);

        async Task<string> WriteAsync(string name, IReadOnlyList<SentencePair> pairs)
        {
            var uri = root.Child(name);
            hashes[uri.ToText()] = await PrepareDataActivity.WriteAsync(
                _artifacts.StoreOf(input), uri, pairs, cancellation);
            return uri.ToText();
        }
    }

    /// <summary>
    /// Prepares a variant with the corpus of its group, so that all variants are tested and validated on the same
    /// pairs. The checks are the variant's own, because model, directions and lengths are.
    /// </summary>
    private async Task<(PreparedData Data, ArtifactUri Models, ModelSource? Source)> ShareAsync(
        RunSpec input, VariantGroup group, RunSources sources, CancellationToken cancellation)
    {
        var shared = ledger.Read<PreparedData>(group.Id, LedgerKinds.Data).Select(fact => fact.Data).LastOrDefault()
            ?? throw new RunFaultException(
                "VARIANT_WITHOUT_GROUP", $"The group '{group.Id}' of this variant has no corpus in its ledger.",
                "Start the group again: a variant does not run without it.");
        var (train, test, validation) = await sources.FetchSharedAsync(input, shared, cancellation);
        var source = await sources.FindModelAsync(input, cancellation);
        var gates = new ModelGates(input, programs).Check(
            await sources.ViewAsync(input, source, cancellation), source.IsLocal,
            new RunPairs(ReadBack(train), ReadBack(test), validation is null ? null : ReadBack(validation)),
            cancellation);
        var (root, models) = await RunArtifacts.GuardAsync(() => _artifacts.ChooseAsync(input, cancellation));
        var data = shared with
        {
            RequestHash = HashOf(input),
            ArtifactsUri = root.ToText(),
            Gates =
            [
                new GateResult("corpus", $"prepared once for all variants of '{group.Id}'"),
                .. shared.Gates.Where(gate => gate.Name is Overlap or Reading), .. gates,
            ],
        };
        return (data with { Passes = data.Epochs(input.Training) }, models, source);
    }

    /// <summary>Reads the prepared pairs back.</summary>
    /// <param name="path">A file that this activity wrote, or a copy of one.</param>
    /// <returns>The pairs in order.</returns>
    internal static IReadOnlyList<SentencePair> ReadBack(string path) => CorpusReader.ReadJsonLines(path).Pairs;

    private static void Require(bool isEnough, string field, int count, int least, DropAccount account)
    {
        if (!isEnough)
        {
            var why = string.Join(", ", account.Counts.Select(each => $"{each.Value} {each.Key}"));
            throw new RunFaultException(
                "CORPUS_TOO_SMALL",
                $"{field} has {count} usable pairs, expected at least {least}. "
                + $"Left out: {(why.Length == 0 ? "none" : why)}."
                + string.Concat(account.Notes.Select(note => $" Note: {note}.")),
                "Check the columns and the scripts: Korean in 'ko', English in 'en'; or give more pairs.");
        }
    }

    /// <summary>Writes pairs as JSON lines.</summary>
    /// <returns>The SHA-256 of the file.</returns>
    private static async Task<string> WriteAsync(
        ArtifactStores store, ArtifactUri uri, IReadOnlyList<SentencePair> pairs, CancellationToken cancellation)
    {
        using var lines = new MemoryStream();
        foreach (var pair in pairs)
        {
            cancellation.ThrowIfCancellationRequested();
            JsonSerializer.Serialize(lines, new { ko = pair.Ko, en = pair.En }, RunLedger.Json);
            lines.WriteByte((byte)'\n');
        }

        lines.Position = 0;
        var written = await RunArtifacts.GuardAsync(
            () => store.WriteAsync(uri, lines, WriteCondition.None, cancellation));
        return written.Sha256!;
    }
}

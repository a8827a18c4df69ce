using System.Security.Cryptography;
using System.Text.Json;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Evaluation;
using Workflows.Activities.Reporting;
using Workflows.Activities.Teardown;
using Workflows.Activities.Training;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Resuming;

/// <summary>Finds the finished work of a stopped run: in its ledger, and whole among its artifacts.</summary>
/// <param name="ledger">The facts; it is not written to.</param>
/// <param name="artifacts">Resolves the places of artifacts.</param>
public sealed class FinishedWork(RunLedger ledger, RunArtifacts artifacts)
{
    private const string Checkpoints = "checkpoints", Prefix = "step-", LocalManifest = "manifest.json";

    /// <summary>Returns the step of a run's newest checkpoint. Its content is verified by the worker.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The step; 0 for none.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public async Task<int> NewestCheckpointAsync(RunSpec spec, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return Prepared(spec.RunId) is not { } data ? 0
            : await NewestCheckpointAsync(spec, artifacts.RootOf(spec, data), cancellation);
    }

    /// <summary>Finds everything that need not be done again.</summary>
    /// <param name="spec">The run, as it is to continue.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The state, with the nodes that are not proved gone.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    internal async Task<ResumeState> FindAsync(RunSpec spec, CancellationToken cancellation)
    {
        var id = spec.RunId;
        var state = ResumeState.Nothing with
        {
            NextAttempt = 1 + ledger.Read<TpuLease>(id, LedgerKinds.Intent).Select(fact => fact.Data.Attempt)
                .Concat(ledger.Read<AttemptEnd>(id, LedgerKinds.Attempt).Select(fact => fact.Data.Lease.Attempt))
                .DefaultIfEmpty().Max(),
            Left = OpenNodes.Of(ledger, id),
        };
        if (Prepared(id) is not { } data)
        {
            return state;
        }

        var root = artifacts.RootOf(spec, data);
        var step = await NewestCheckpointAsync(spec, root, cancellation);
        state = state with { CheckpointStep = step };

        // Work that was taken over is that of the other run's files, whatever this one's request names.
        if (!await IsWholeAsync(spec, data, isTrained: step > 0 || TakenBy(id) is not null, cancellation))
        {
            return state;
        }

        var trained = await IsTrainedAsync(spec, root, cancellation);
        return state with
        {
            Data = data,
            IsTrained = trained is not null,
            IsTranslated = trained is { } at && await IsTranslatedAsync(spec, root, at, cancellation),
        };
    }

    /// <summary>Finds the work of a run that another run can take over, without reading it.</summary>
    /// <param name="of">The run that has the work, under its own id, as the other run asks for it.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The corpus, null if it was not prepared; whether there is a tuned model; and translations.</returns>
    /// <exception cref="ArtifactException">The store does not answer.</exception>
    public async Task<(PreparedData? Data, bool IsTrained, bool IsTranslated)> OfferAsync(
        RunSpec of, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(of);
        if (Prepared(of.RunId) is not { } data)
        {
            return (null, false, false);
        }

        var root = artifacts.RootOf(of, data);
        var trained = await IsTrainedAsync(of, root, cancellation);
        return (data, trained is not null,
            trained is { } at && await IsTranslatedAsync(of, root, at, cancellation));
    }

    /// <summary>Returns whether the prepared files of a run are as it has written them.</summary>
    internal Task<bool> IsWholeAsync(RunSpec of, PreparedData data, CancellationToken cancellation) =>
        IsWholeAsync(of, data, isTrained: true, cancellation);

    /// <summary>Returns the training that ended, of this run or of the one whose work it took over.</summary>
    internal (DateTimeOffset At, TrainFact Train)? TrainingOf(RunId id)
    {
        var (at, end) = ledger.Read<EndFact>(id, LedgerKinds.JobEnded)
            .LastOrDefault(fact => fact.Data is { End.Succeeded: true, Train: not null });
        if (end?.Train is { } train)
        {
            return (at, train);
        }

        return TakenBy(id) is var (takenAt, taken) && taken.Train is { } other ? (takenAt, other) : null;
    }

    /// <summary>Returns the work that a run took over; null for none.</summary>
    internal (DateTimeOffset At, TakenFact Taken)? TakenBy(RunId id) =>
        ledger.Read<TakenFact>(id, LedgerKinds.Taken) is [var fact, ..] ? fact : null;

    internal PreparedData? Prepared(RunId id) =>
        ledger.Read<PreparedData>(id, LedgerKinds.Data).Select(fact => fact.Data).LastOrDefault();

    private async Task<int> NewestCheckpointAsync(RunSpec spec, ArtifactUri root, CancellationToken cancellation)
    {
        var folder = root.Child(Checkpoints);
        var names = folder.Scheme == ArtifactScheme.File
            ? Directory.Exists(folder.Path)
                ? Directory.EnumerateDirectories(folder.Path)
                    .Where(path => File.Exists(Path.Combine(path, LocalManifest))).Select(Path.GetFileName)
                : []
            : (await new ArtifactTree(artifacts.StoreOf(spec)).ListAsync(folder, cancellation))
                .Select(tree => tree.Name);
        return names.Select(name => name!.StartsWith(Prefix, StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(Prefix.Length), out var step) ? step : 0).DefaultIfEmpty().Max();
    }

    /// <summary>
    /// Returns whether the prepared corpus can be used again: its files have their hashes, the model is there, and the
    /// request asks for the same. Once something is trained, the request cannot ask for another corpus.
    /// </summary>
    private async Task<bool> IsWholeAsync(
        RunSpec spec, PreparedData data, bool isTrained, CancellationToken cancellation)
    {
        if (!isTrained && data.RequestHash != PrepareDataActivity.HashOf(spec))
        {
            return false;
        }

        var store = artifacts.StoreOf(spec);
        foreach (var text in new[] { data.TrainUri, data.TestUri, data.ValidationUri }.OfType<string>())
        {
            var hash = await HashOfAsync(store, ArtifactUri.Parse(text), cancellation);
            if (hash is null || (data.Sha256 is not null && data.Sha256.GetValueOrDefault(text) != hash))
            {
                return false;
            }
        }

        return data.ModelUri is null || ArtifactUri.Parse(data.ModelUri) switch
        {
            { Scheme: ArtifactScheme.File } folder => Directory.Exists(folder.Path),
            { Scheme: ArtifactScheme.CloudStorage } tree =>
                await new ArtifactTree(store).FindAsync(tree, cancellation) is not null,
            _ => true,
        };
    }

    /// <summary>Returns the time at which the tuned model of the requested steps was complete.</summary>
    private async Task<DateTimeOffset?> IsTrainedAsync(
        RunSpec spec, ArtifactUri root, CancellationToken cancellation)
    {
        if (TrainingOf(spec.RunId) is not var (at, train)
            || (train.Steps != spec.Training.Steps && !train.StoppedEarly
                && !(train.FinishedEarly && IsAsked(spec))))
        {
            return null;
        }

        var tuned = root.Child(ReportBuilder.TunedFolder);
        var isThere = tuned.Scheme == ArtifactScheme.File
            ? File.Exists(Path.Combine(tuned.Path, "config.json"))
            : await new ArtifactTree(artifacts.StoreOf(spec)).FindAsync(tuned, cancellation) is not null;
        return isThere ? at : null;
    }

    /// <summary>Returns whether a training that a person ended early is the one that the request asks for: with other
    /// steps it asks for more training.</summary>
    private bool IsAsked(RunSpec spec) => ledger.Read<DispatchInput>(spec.RunId, LedgerKinds.Job)
        .Select(fact => fact.Data).LastOrDefault(job => job.Kind == JobKind.Train) is not { } last
        || last.Spec.Training.Steps == spec.Training.Steps;

    private async Task<bool> IsTranslatedAsync(
        RunSpec spec, ArtifactUri root, DateTimeOffset trainedAt, CancellationToken cancellation)
    {
        var ended = ledger.Read(spec.RunId)
            .Where(entry => entry.Kind == LedgerKinds.JobEnded && entry.At > trainedAt
                && entry.Data.Deserialize<EndFact>(RunLedger.Json) is { End.Succeeded: true, Train: null })
            .Select(entry => entry.Key).ToHashSet(StringComparer.Ordinal);
        var job = ledger.Read(spec.RunId)
            .Where(entry => entry.Kind == LedgerKinds.Job && ended.Contains(entry.Key))
            .Select(entry => entry.Data.Deserialize<DispatchInput>(RunLedger.Json)!)
            .LastOrDefault(each => each.Kind == JobKind.Translate);
        if ((job is null ? TakenTranslations(spec.RunId, trainedAt) : job.Spec.Evaluation) is not { } evaluation
            || OfTranslation(evaluation) != OfTranslation(spec.Evaluation))
        {
            return false;
        }

        var store = artifacts.StoreOf(spec);
        foreach (var name in HypothesisFiles.Models.SelectMany(
            model => spec.Directions().Select(direction => HypothesisFiles.NameOf(model, direction))))
        {
            if (await store.FindAsync(root.Child(name), cancellation) is null)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Returns the settings of translations that were taken over with the model, and that no job has begun to
    /// replace; null for none.</summary>
    private EvaluationSpec? TakenTranslations(RunId id, DateTimeOffset trainedAt) =>
        TakenBy(id) is var (at, taken) && at >= trainedAt
            && ledger.Read<DispatchInput>(id, LedgerKinds.Job).All(job => job.Data.Kind != JobKind.Translate)
            ? taken.Evaluation : null;

    /// <summary>Returns the settings on which translations depend; the others are of the scores.</summary>
    private static string OfTranslation(EvaluationSpec evaluation) => JsonSerializer.Serialize(evaluation with
    {
        BleuTokenizer = "",
        BootstrapSamples = 0,
        Seed = 0,
    });

    /// <summary>Reads an artifact once; null if it does not exist or cannot be read whole.</summary>
    internal static async Task<string?> HashOfAsync(
        ArtifactStores store, ArtifactUri uri, CancellationToken cancellation)
    {
        using var hash = SHA256.Create();
        try
        {
            await using var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write);
            await store.ReadAsync(uri, ByteRange.Whole, hashing, cancellation);
            await hashing.FlushFinalBlockAsync(cancellation);
            return Convert.ToHexStringLower(hash.Hash!);
        }
        catch (ArtifactException exception) when (exception.Fault
            is ArtifactFault.NotFound or ArtifactFault.Damaged or ArtifactFault.Truncated)
        {
            return null;
        }
    }
}

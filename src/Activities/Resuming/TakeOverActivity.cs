using Microsoft.DurableTask;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Activities.Training;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Resuming;

/// <summary>The work that a run took over from another one.</summary>
/// <param name="Of">The other run.</param>
/// <param name="From">The stage with which this run begins.</param>
/// <param name="Train">The training of the model that was taken over; null for none.</param>
public sealed record TakenFact(RunId Of, RunStageName From, TrainFact? Train)
{
    /// <summary>Gets the settings of the translations that were taken over; null for none.</summary>
    public EvaluationSpec? Evaluation { get; init; }
}

/// <summary>
/// Takes over the finished work of another run, up to a stage: copies of its prepared corpus, its tuned model, and its
/// translations. The copies are this run's own, so that the other one can be purged. <b>Invariant:</b> work counts as
/// taken over only if every copy has the hash of its source, and the source was whole before and after.
/// </summary>
/// <param name="ledger">Has the facts of the other run, and receives those of this one.</param>
/// <param name="inputs">Copies as long as there is progress, until the run is cancelled.</param>
/// <param name="artifacts">The places of artifacts; null for the runs' folders.</param>
/// <param name="board">Shows the progress; null for none.</param>
public sealed class TakeOverActivity(
    RunLedger ledger, InputWork inputs, RunArtifacts? artifacts = null, TransferBoard? board = null)
    : TaskActivity<RunSpec, ResumeState>
{
    private readonly RunArtifacts _artifacts = artifacts ?? new RunArtifacts(ledger);

    /// <summary>Takes over the work.</summary>
    /// <param name="context">The activity.</param>
    /// <param name="input">The run, whose origin names the other run and the stage.</param>
    /// <returns>The work that need not be done.</returns>
    /// <exception cref="RunFaultException">The other run has not, or no longer, that work.</exception>
    public override async Task<ResumeState> RunAsync(TaskActivityContext context, RunSpec input)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (input.Origin is not { Of: { } of, From: { } from })
        {
            throw new InvalidOperationException($"Run '{input.RunId}' takes over nothing.");
        }

        try
        {
            return await inputs.TransferAsync(input.RunId, (alive, token) => RunArtifacts.GuardAsync(
                () => TakeAsync(input, of, from, alive, token), endsOutages: true));
        }
        finally
        {
            board?.Clear(input.RunId);
        }
    }

    private async Task<ResumeState> TakeAsync(
        RunSpec spec, RunId of, RunStageName from, Action alive, CancellationToken cancellation)
    {
        var work = new FinishedWork(ledger, _artifacts);
        if (work.TakenBy(spec.RunId) is not null && work.Prepared(spec.RunId) is { } own)
        {
            // The service died before it could tell; the other run may be purged by now.
            return Done(spec, from, own);
        }

        var other = spec with { RunId = of };
        var (takesModel, takesTranslations) = (from != RunStageName.Train, from == RunStageName.Report);
        if (await OfferedAsync() is not { } data || !await work.IsWholeAsync(other, data, cancellation))
        {
            throw Gone(spec);
        }

        var (oldRoot, store) = (_artifacts.RootOf(other, data), _artifacts.StoreOf(spec));
        var (root, models) = await _artifacts.ChooseAsync(spec, cancellation);
        data = await WithFilesAsync(spec, data, root, alive, cancellation);
        data = data with { ModelUri = await ModelAsync(spec, data.ModelUri, models, alive, cancellation) };
        if (takesModel)
        {
            await CopyTreeAsync(
                spec, oldRoot.Child(ReportBuilder.TunedFolder), root.Child(ReportBuilder.TunedFolder), alive,
                cancellation);
            MetricsFile.Copy(ledger, of, spec.RunId);
        }

        if (takesTranslations)
        {
            foreach (var name in (await NamesAsync(store, oldRoot, cancellation)).Where(
                name => name.StartsWith("hypotheses.", StringComparison.Ordinal) && !name.Contains('/')))
            {
                await CopyAsync(spec, oldRoot.Child(name), root.Child(name), null, alive, cancellation);
            }
        }

        // A purge deletes manifests first and the ledger last, and nothing comes back: if all of it is there now, then
        // nothing was missing while it was listed and copied.
        if (await OfferedAsync() is null)
        {
            throw Gone(spec);
        }

        // The facts last: they say that the copies are whole.
        ledger.AppendInPart(spec.RunId, LedgerKinds.Data, "data", data);
        ledger.Append(spec.RunId, LedgerKinds.Taken, "taken", new TakenFact(
            of, from, takesModel ? work.TrainingOf(of)?.Train : null)
        {
            Evaluation = takesTranslations ? spec.Evaluation : null,
        });
        return Done(spec, from, data);

        async Task<PreparedData?> OfferedAsync()
        {
            var (prepared, isTrained, isTranslated) = await work.OfferAsync(other, cancellation);
            return (takesModel && !isTrained) || (takesTranslations && !isTranslated) ? null : prepared;
        }
    }

    private static RunFaultException Gone(RunSpec spec) => new(
        "RERUN_WORK_GONE",
        $"Run '{spec.Origin!.Of}' has not, or no longer, the whole work of the stages before "
        + $"'{WireName.Of(spec.Origin.From!.Value)}'.",
        $"Begin with an earlier stage: workflows rerun {spec.Origin.Of}.");

    private ResumeState Done(RunSpec spec, RunStageName from, PreparedData data)
    {
        var (takesModel, takesTranslations) = (from != RunStageName.Train, from == RunStageName.Report);
        ledger.AppendInPart(spec.RunId, LedgerKinds.Found, "found", new FoundFact(
            true, takesModel ? spec.Training.Steps : 0, takesModel, takesTranslations, []));
        return ResumeState.Nothing with
        {
            Data = data,
            IsTrained = takesModel,
            IsTranslated = takesTranslations,
        };
    }

    /// <summary>Copies the prepared files, and returns the corpus with their new addresses.</summary>
    private async Task<PreparedData> WithFilesAsync(
        RunSpec spec, PreparedData data, ArtifactUri root, Action alive, CancellationToken cancellation)
    {
        var (old, hashes) = (data, new SortedDictionary<string, string>(StringComparer.Ordinal));
        data = data with
        {
            TrainUri = await CopiedAsync(data.TrainUri),
            TestUri = await CopiedAsync(data.TestUri),
            ValidationUri = data.ValidationUri is null ? null : await CopiedAsync(data.ValidationUri),
        };
        return data with
        {
            Sha256 = hashes,
            ArtifactsUri = root.ToText(),
            RequestHash = PrepareDataActivity.HashOf(spec),
            Passes = data.Epochs(spec.Training),
        };

        async Task<string> CopiedAsync(string text)
        {
            var uri = ArtifactUri.Parse(text);
            var target = root.Child(uri.Path.Split('/')[^1]);
            hashes[target.ToText()] = await CopyAsync(
                spec, uri, target, old.Sha256?.GetValueOrDefault(text), alive, cancellation);
            return target.ToText();
        }
    }

    /// <summary>Brings the base model to this run's models, unless it is there; they are one for all runs of a
    /// bucket.</summary>
    private async Task<string?> ModelAsync(
        RunSpec spec, string? text, ArtifactUri models, Action alive, CancellationToken cancellation)
    {
        if (text is null || ArtifactUri.Parse(text) is not { Scheme: ArtifactScheme.CloudStorage } model)
        {
            return text;
        }

        var store = _artifacts.StoreOf(spec);
        var manifest = await new ArtifactTree(store).FindAsync(model, cancellation)
            ?? throw new RunFaultException(
                "RERUN_WORK_GONE", $"The base model at {model} is not there any more.", "Begin with an earlier stage.");
        var (tree, _) = await new ArtifactTree(store).BringAsync(
            models, store,
            [.. manifest.Files.Select(file => new TreeSource(
                file.Key, model.Child(file.Key), file.Value.Bytes, file.Value.Sha256))],
            progress =>
            {
                alive();
                board?.Note(spec.RunId, progress);
            }, cancellation);
        return tree.ToText();
    }

    /// <summary>Copies a folder; a manifest is deleted first and written last: a tree is whole, or there is
    /// none.</summary>
    private async Task CopyTreeAsync(
        RunSpec spec, ArtifactUri from, ArtifactUri to, Action alive, CancellationToken cancellation)
    {
        var store = _artifacts.StoreOf(spec);
        var tree = new ArtifactTree(store);
        var manifest = await tree.FindAsync(from, cancellation);
        await store.DeleteAsync(to.Child(ArtifactManifest.FileName), null, cancellation);
        foreach (var name in manifest?.Files.Keys ?? await NamesAsync(store, from, cancellation))
        {
            await CopyAsync(
                spec, from.Child(name), to.Child(name), manifest?.Files[name].Sha256, alive, cancellation);
        }

        if (manifest is null)
        {
            return;
        }

        await CopyAsync(
            spec, from.Child(ArtifactManifest.FileName), to.Child(ArtifactManifest.FileName), null, alive,
            cancellation);
        if (await tree.FindAsync(to, cancellation) is not { } copy || !copy.Files.SequenceEqual(manifest.Files))
        {
            await store.DeleteAsync(to.Child(ArtifactManifest.FileName), null, cancellation);
            throw Gone(spec);
        }
    }

    /// <summary>Copies an artifact, and compares the copy with a hash, or without one with the source as it is
    /// afterwards.</summary>
    /// <returns>The hash.</returns>
    private async Task<string> CopyAsync(
        RunSpec spec, ArtifactUri from, ArtifactUri to, string? sha256, Action alive, CancellationToken cancellation)
    {
        var store = _artifacts.StoreOf(spec);
        try
        {
            var written = await store.CopyAsync(from, to, _ => alive(), cancellation);
            sha256 ??= await FinishedWork.HashOfAsync(store, from, cancellation);
            return written.Sha256 == sha256 ? sha256! : throw Gone(spec);
        }
        catch (ArtifactException exception) when (exception.Fault == ArtifactFault.NotFound)
        {
            throw Gone(spec);
        }
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(
        ArtifactStores store, ArtifactUri folder, CancellationToken cancellation)
    {
        var names = new List<string>();
        await foreach (var each in store.ListAsync(folder, cancellation))
        {
            if (each.Uri.RelativeTo(folder) is { } name)
            {
                names.Add(name);
            }
        }

        return names;
    }
}

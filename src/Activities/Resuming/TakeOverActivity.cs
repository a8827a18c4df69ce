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
public sealed record TakenFact(RunId Of, RunStageName From, TrainFact? Train);

/// <summary>
/// Takes over the finished work of another run, up to a stage: copies of its prepared corpus, its tuned model, and its
/// translations. The copies are this run's own, so that the other one can be purged.
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
        var other = spec with { RunId = of };
        var (data, isTrained, isTranslated) = await work.OfferAsync(other, cancellation);
        var (takesModel, takesTranslations) = (from != RunStageName.Train, from == RunStageName.Report);
        if (data is null || (takesModel && !isTrained) || (takesTranslations && !isTranslated)
            || !await work.IsWholeAsync(other, data, cancellation))
        {
            throw new RunFaultException(
                "RERUN_WORK_GONE",
                $"Run '{of}' has not, or no longer, the whole work of the stages before '{WireName.Of(from)}'.",
                $"Begin with an earlier stage: workflows rerun {of}.");
        }

        var (oldRoot, store) = (_artifacts.RootOf(other, data), _artifacts.StoreOf(spec));
        var (root, models) = await _artifacts.ChooseAsync(spec, cancellation);
        data = await WithFilesAsync(spec, data, root, alive, cancellation);
        data = data with { ModelUri = await ModelAsync(spec, data.ModelUri, models, alive, cancellation) };
        if (takesModel)
        {
            await CopyAllAsync(
                store, oldRoot.Child(ReportBuilder.TunedFolder), root.Child(ReportBuilder.TunedFolder), _ => true,
                alive, cancellation);
            CopyCurve(of, spec.RunId);
        }

        if (takesTranslations)
        {
            await CopyAllAsync(
                store, oldRoot, root,
                name => name.StartsWith("hypotheses.", StringComparison.Ordinal) && !name.Contains('/'), alive,
                cancellation);
        }

        // The facts last: they say that the copies are whole.
        ledger.AppendInPart(spec.RunId, LedgerKinds.Data, "data", data);
        ledger.Append(spec.RunId, LedgerKinds.Taken, "taken", new TakenFact(
            of, from, takesModel ? work.TrainingOf(of)?.Train : null));
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
        var hashes = new SortedDictionary<string, string>(StringComparer.Ordinal);
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
            var written = await _artifacts.StoreOf(spec).CopyAsync(uri, target, _ => alive(), cancellation);
            hashes[target.ToText()] = written.Sha256!;
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
    private static async Task CopyAllAsync(
        ArtifactStores store, ArtifactUri from, ArtifactUri to, Func<string, bool> isWanted, Action alive,
        CancellationToken cancellation)
    {
        await store.DeleteAsync(to.Child(ArtifactManifest.FileName), null, cancellation);
        var names = new List<string>();
        await foreach (var each in store.ListAsync(from, cancellation))
        {
            if (each.Uri.RelativeTo(from) is { } name && isWanted(name))
            {
                names.Add(name);
            }
        }

        foreach (var name in names.OrderBy(name => name == ArtifactManifest.FileName))
        {
            await store.CopyAsync(from.Child(name), to.Child(name), _ => alive(), cancellation);
        }
    }

    /// <summary>Copies the loss curve, which belongs to the model.</summary>
    private void CopyCurve(RunId of, RunId to)
    {
        var from = Path.Combine(ledger.DirectoryOf(of), "metrics.jsonl");
        if (File.Exists(from))
        {
            File.Copy(from, Path.Combine(ledger.DirectoryOf(to), "metrics.jsonl"), overwrite: true);
        }
    }
}

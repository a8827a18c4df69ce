using Workflows.Activities.Data;
using Workflows.Activities.Reporting;
using Workflows.Activities.Variants;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Translation.Corpora;

namespace Workflows.Activities.Artifacts;

/// <summary>
/// Reads models and corpora where their users keep them: folders, buckets and the Hub. Every fault names the field.
/// </summary>
/// <param name="ledger">Keeps the version of a model that a run uses.</param>
/// <param name="artifacts">Resolves the stores.</param>
internal sealed class RunSources(RunLedger ledger, RunArtifacts artifacts)
{
    private const int MostShards = 1000;

    /// <summary>
    /// Finds a run's model. Every call returns the same version, even if the source has changed since.
    /// </summary>
    /// <exception cref="RunFaultException">The model cannot be read; the fault names the field and the
    /// remedy.</exception>
    public Task<ModelSource> FindModelAsync(RunSpec spec, CancellationToken cancellation) =>
        GuardAsync("model", async () =>
        {
            var given = ArtifactUri.Parse(spec.Model);
            if (given.Scheme == ArtifactScheme.File)
            {
                return OfFolder(given);
            }

            // A run that is resumed before anything was trained may have another model.
            var all = ledger.Read<ModelFact>(spec.RunId, LedgerKinds.Model).Select(fact => fact.Data).ToList();
            var seen = all.Find(fact => fact.Given == spec.Model) ?? SeenByOthers(spec);
            var source = await LookAsync(spec, seen is null ? null : ArtifactUri.Parse(seen.Address), cancellation);
            if (!all.Exists(fact => fact.Given == spec.Model))
            {
                var key = all.Count == 0 ? "model" : $"model#{spec.Model}";
                ledger.Append(spec.RunId, LedgerKinds.Model, key, new ModelFact(
                    spec.Model, source.Address.ToText(), source.Files.Count, source.Bytes));
            }

            return source;
        });

    /// <summary>Returns the version of the model that another variant of the same group uses, so that they
    /// compare.</summary>
    private ModelFact? SeenByOthers(RunSpec spec) => spec.Group is null ? null
        : VariantLedgers.WithMembers(ledger, spec.Group.Id)
            .SelectMany(run => ledger.Read<ModelFact>(run, LedgerKinds.Model))
            .Select(fact => fact.Data).FirstOrDefault(fact => fact.Given == spec.Model);

    /// <summary>Finds a model without a run: nothing is recorded.</summary>
    /// <exception cref="RunFaultException">The model cannot be read; the fault names the field and the
    /// remedy.</exception>
    public Task<ModelSource> PeekModelAsync(RunSpec spec, CancellationToken cancellation) => GuardAsync("model", () =>
        ArtifactUri.Parse(spec.Model) is { Scheme: ArtifactScheme.File } folder
            ? Task.FromResult(OfFolder(folder))
            : LookAsync(spec, null, cancellation));

    /// <summary>Returns a folder for the checks before renting: the model's own, or a view of it.</summary>
    /// <exception cref="RunFaultException">The model cannot be read.</exception>
    public async Task<string> ViewAsync(RunSpec spec, ModelSource source, CancellationToken cancellation)
    {
        if (source.IsLocal)
        {
            return spec.Model;
        }

        var folder = Path.Combine(InputsOf(spec), "model");
        await GuardAsync("model", async () =>
        {
            await ModelView.CreateAsync(artifacts.StoreOf(spec), source, folder, cancellation);
            return true;
        });
        return folder;
    }

    /// <summary>Copies the files of a corpus that are elsewhere to this machine.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="field">The field of the request that names them.</param>
    /// <param name="given">Its value: files with commas between them, or a folder.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The value with paths of this machine.</returns>
    /// <exception cref="RunFaultException">A file cannot be read.</exception>
    public async Task<string> FetchAsync(
        RunSpec spec, string field, string given, CancellationToken cancellation)
    {
        if (!given.Contains("://", StringComparison.Ordinal))
        {
            return given;
        }

        var paths = new List<string>();
        foreach (var name in CorpusFiles.Names(given))
        {
            var folder = Path.Combine(InputsOf(spec), field, $"{paths.Count}");
            paths.Add(name.Contains("://", StringComparison.Ordinal)
                ? await GuardAsync(field, () => FetchOneAsync(
                    artifacts.StoreOf(spec), ArtifactUri.Parse(name), folder, cancellation))
                : name);
        }

        return string.Join(',', paths);
    }

    /// <summary>Copies the prepared corpus of a group to this machine.</summary>
    /// <param name="spec">A variant of the group.</param>
    /// <param name="shared">The corpus of the group.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The paths of the parts for training, test and validation.</returns>
    /// <exception cref="RunFaultException">A part cannot be read.</exception>
    public async Task<(string Train, string Test, string? Validation)> FetchSharedAsync(
        RunSpec spec, PreparedData shared, CancellationToken cancellation)
    {
        return (await OneAsync(shared.TrainUri), await OneAsync(shared.TestUri),
            shared.ValidationUri is null ? null : await OneAsync(shared.ValidationUri));

        Task<string> OneAsync(string address) => GuardAsync("data", async () =>
        {
            var uri = ArtifactUri.Parse(address);
            var path = Path.Combine(InputsOf(spec), "shared", uri.Name);
            await artifacts.StoreOf(spec).DownloadAsync(uri, path, cancellation);
            return path;
        });
    }

    /// <summary>Replaces the path of a local copy in a message about a corpus with the address that was
    /// given.</summary>
    public string Worded(RunSpec spec, string message)
    {
        foreach (var (field, given) in new[]
        {
            ("data.train", spec.Data.Train), ("data.test", spec.Data.Test), ("data.validation", spec.Data.Validation),
        })
        {
            foreach (var (at, name) in CorpusFiles.Names(given ?? "").Index())
            {
                var folder = Path.Combine(InputsOf(spec), field, $"{at}");
                message = message.Replace(Path.Combine(folder, NameOf(name)), name, StringComparison.Ordinal)
                    .Replace(folder, name, StringComparison.Ordinal);
            }
        }

        return message;
    }

    /// <summary>Deletes the files that only the checks needed.</summary>
    public void Clean(RunSpec spec)
    {
        if (Directory.Exists(InputsOf(spec)))
        {
            Directory.Delete(InputsOf(spec), recursive: true);
        }
    }

    /// <summary>
    /// Describes a folder of this machine. Only the reader of models opens its files, and it checks each.
    /// </summary>
    private static ModelSource OfFolder(ArtifactUri folder) => new(folder, Directory.Exists(folder.Path)
        ? [.. Directory.EnumerateFiles(folder.Path).Where(path => TextModelFiles.IsNeeded(Path.GetFileName(path)))
            .Order(StringComparer.Ordinal)
            .Select(path => new ArtifactInfo(ArtifactUri.OfFile(path), new FileInfo(path).Length, 0))]
        : []);

    /// <summary>Lists the files of a model that is not on this machine.</summary>
    private async Task<ModelSource> LookAsync(RunSpec spec, ArtifactUri? pinned, CancellationToken cancellation)
    {
        var store = artifacts.StoreOf(spec);
        var address = pinned ?? await store.PinAsync(ArtifactUri.Parse(spec.Model), cancellation);
        var source = new ModelSource(address, await TextModelFiles.ChooseAsync(store, address, cancellation));
        return source.Files.Count > 0 ? source : throw new ArtifactException(
            ArtifactFault.NotFound, spec.Model, "It has none of a model's files.",
            "Name the folder that has config.json, tokenizer.json and *.safetensors.");
    }

    private string InputsOf(RunSpec spec) => Path.Combine(ledger.DirectoryOf(spec.RunId), "inputs");

    private static string NameOf(string address) => address[(address.LastIndexOf('/') + 1)..];

    /// <summary>Copies a file, or the files of pairs directly in a folder, as a local folder is read.</summary>
    private static async Task<string> FetchOneAsync(
        ArtifactStores store, ArtifactUri given, string folder, CancellationToken cancellation)
    {
        var address = await store.PinAsync(given, cancellation);
        if (address.Path.Length > 0 && await store.FindAsync(address, cancellation) is { } file)
        {
            return await DownloadAsync(store, file, folder, cancellation);
        }

        var shards = new List<ArtifactInfo>();
        await foreach (var each in store.ListAsync(address, cancellation))
        {
            if (each.Uri.RelativeTo(address) is { } name && !name.Contains('/', StringComparison.Ordinal)
                && name[0] is not ('.' or '_') && CorpusReader.KnowsFormatOf(name))
            {
                shards.Add(each);
            }
        }

        if (shards.Count is 0 or > MostShards)
        {
            throw new ArtifactException(
                ArtifactFault.NotFound, $"{given}",
                shards.Count == 0
                    ? "It is no file, and has no files of pairs directly in it."
                    : $"It has {shards.Count} files of pairs, {MostShards} at most.",
                $"Name a file, or a folder of files that end in {CorpusReader.KnownEndings}.");
        }

        foreach (var shard in shards)
        {
            await DownloadAsync(store, shard, folder, cancellation);
        }

        return folder;
    }

    private static async Task<string> DownloadAsync(
        ArtifactStores store, ArtifactInfo file, string folder, CancellationToken cancellation)
    {
        if (file.Bytes > InputFile.MostCorpusBytes)
        {
            throw new ArtifactException(
                ArtifactFault.Unsupported, $"{file.Uri}",
                $"It has {file.Bytes} bytes, {InputFile.MostCorpusBytes} at most.", "Give a smaller file.");
        }

        var path = Path.Combine(folder, file.Uri.Name);
        await store.DownloadAsync(file.Uri, path, cancellation);
        return path;
    }

    /// <summary>
    /// Reads from a source. The store has retried already, so an error that remains ends the run with its own message.
    /// </summary>
    private static Task<T> GuardAsync<T>(string field, Func<Task<T>> read) =>
        RunArtifacts.GuardAsync(read, field, endsOutages: true);
}

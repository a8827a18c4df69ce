namespace Workflows.ModelFiles;

/// <summary>
/// The open weight files of a model folder, in one file or in shards, under any of the known prefixes of text weights.
/// Opening reads the headers and checks that they match the configuration; it reads no weights except rows of a
/// separate output matrix.
/// </summary>
public sealed class ModelWeights : IDisposable
{
    /// <summary>Name of the file if all weights are in one.</summary>
    public const string FileName = "model.safetensors";

    // The last is the prefix of text weights inside a multimodal checkpoint of newer transformers.
    private static readonly string[] Prefixes = ["model.", "language_model.model.", "model.language_model."];
    private static readonly string[] PictureParts = ["vision_tower.", "multi_modal_projector."];

    private readonly Dictionary<string, SafetensorsFile> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SafetensorsFile> _locations = new(StringComparer.Ordinal);
    private readonly string _directory;
    private readonly Gemma3Config? _config;
    private string _source = "";
    private string _prefix = "";

    private ModelWeights(string directory, Gemma3Config? config) => (_directory, _config) = (directory, config);

    /// <summary>Only a listing of ranges does without it.</summary>
    private Gemma3Config Config =>
        _config ?? throw new InvalidOperationException("The weights were opened without a configuration.");

    /// <summary>Number of weight files.</summary>
    public int FileCount => _files.Count;

    /// <summary>Bytes of all weight files.</summary>
    public long Bytes => _files.Values.Sum(file => file.Length);

    /// <summary>The precision of the stored embedding, in which the model is also saved.</summary>
    public WeightPrecision Precision { get; private set; }

    /// <summary>
    /// Gets a value indicating whether an index beside the single file is ignored. The single file has priority, as in
    /// transformers, since the index is then left from an older download.
    /// </summary>
    public bool IgnoresIndex { get; private set; }

    /// <summary>Opens the weight files and checks their headers.</summary>
    /// <param name="directory">A model folder.</param>
    /// <param name="config">The folder's configuration.</param>
    /// <returns>The open files.</returns>
    /// <exception cref="ModelFileException">
    /// A file is missing or damaged; a tensor is missing, occurs twice, does not belong to the model, or has another
    /// shape or an element type that is not a floating-point number of 16 or 32 bits.
    /// </exception>
    public static ModelWeights Open(string directory, Gemma3Config config)
    {
        var weights = new ModelWeights(directory, config);
        try
        {
            weights.OpenFiles();
            weights.CheckTensors();
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Lists the parts of weight files that opening reads besides their headers, for a folder whose files have their
    /// full length but only their headers as content.
    /// </summary>
    /// <param name="directory">The folder.</param>
    /// <returns>
    /// Path, first byte and length of each part; none if a header is damaged, which opening reports.
    /// </returns>
    public static IReadOnlyList<(string Path, long Offset, int Length)> RangesReadOnOpening(string directory)
    {
        using var weights = new ModelWeights(directory, config: null);
        try
        {
            weights.OpenFiles();
        }
        catch (ModelFileException)
        {
            return [];
        }

        return Array.Find(Prefixes, each => weights._locations.ContainsKey($"{each}embed_tokens.weight")) is { } prefix
            ? [.. TiedHead.Ranges(weights._locations, $"{prefix}embed_tokens.weight")]
            : [];
    }

    /// <summary>Finds a weight.</summary>
    /// <param name="name">Its name in <see cref="Gemma3Tensors"/>.</param>
    /// <returns>The file that holds it, and its name there.</returns>
    /// <exception cref="ModelFileException">There is no weight with that name.</exception>
    public (SafetensorsFile File, string StoredName) Find(string name)
    {
        var stored = Stored(name);
        return _locations.TryGetValue(stored, out var file)
            ? (file, stored)
            : throw new ModelFileException(_source, $"tensor '{stored}' is missing");
    }

    /// <summary>
    /// Reads every weight of the text model once, a piece at a time, and checks that it is a finite number and that no
    /// matrix is zero throughout.
    /// </summary>
    /// <param name="cancellation">Checked before each piece of 1 MiB.</param>
    /// <exception cref="ModelFileException">
    /// A weight is NaN or infinite, or a matrix has only zeros; the message names the tensor and the place.
    /// </exception>
    public void RequireValues(CancellationToken cancellation)
    {
        var piece = new byte[WeightValues.PieceBytes];
        foreach (var tensor in Gemma3Tensors.All(Config))
        {
            var (file, stored) = Find(tensor.Name);
            WeightValues.Require(file, stored, piece, cancellation);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }
    }

    private string Stored(string name) => _prefix + name[Gemma3Tensors.Prefix.Length..];

    private void OpenFiles()
    {
        var (single, index) = (Path.Combine(_directory, FileName), Path.Combine(_directory, WeightIndex.FileName));
        var hasIndex = File.Exists(index);
        if (File.Exists(single) || !hasIndex)
        {
            (_source, IgnoresIndex) = (single, hasIndex);
            var file = OpenFile(FileName);
            foreach (var name in file.Tensors.Keys)
            {
                _locations.Add(name, file);
            }

            return;
        }

        _source = index;
        foreach (var (name, shard) in WeightIndex.Read(index))
        {
            var file = OpenFile(shard);
            _locations.Add(name, file.Tensors.ContainsKey(name)
                ? file
                : throw new ModelFileException(file.Path, $"tensor '{name}' is missing, the index places it here"));
        }
    }

    private SafetensorsFile OpenFile(string name)
    {
        if (!_files.TryGetValue(name, out var file))
        {
            _files.Add(name, file = SafetensorsFile.Open(Path.Combine(_directory, name)));
        }

        return file;
    }

    private void CheckTensors()
    {
        _prefix = Array.Find(Prefixes, prefix => _locations.ContainsKey($"{prefix}embed_tokens.weight"))
            ?? throw new ModelFileException(
                _source, $"it has no embed_tokens.weight under {string.Join(", ", Prefixes)}");
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tensor in Gemma3Tensors.All(Config))
        {
            var name = Stored(tensor.Name);
            known.Add(name);
            var file = _locations.TryGetValue(name, out var found)
                ? found
                : throw new ModelFileException(
                    _source, $"tensor '{name}' {TensorText.Of(tensor.Shape)} is missing");
            RequireReadable(file, name, tensor.Shape);
        }

        RequireNothingElse(known);
        var (embedding, stored) = Find(Gemma3Tensors.Embedding);
        Precision = PrecisionOf(embedding.Find(stored).Type);
        TiedHead.Require(_locations, embedding, stored);
    }

    private static void RequireReadable(SafetensorsFile file, string name, IReadOnlyList<int> wanted)
    {
        var stored = file.Find(name);
        if (stored.Type is not ("F32" or "BF16" or "F16"))
        {
            throw new ModelFileException(
                file.Path, $"tensor '{name}' is {stored}, wanted F32, BF16 or F16", ModelFault.Unsupported);
        }

        if (!stored.Shape.SequenceEqual(wanted))
        {
            throw new ModelFileException(
                file.Path,
                $"tensor '{name}' is {TensorText.Of(stored.Shape)}, wanted {TensorText.Of(wanted)} by config.json",
                fix: "Give the config.json that belongs to the weights.");
        }
    }

    /// <summary>Refuses further layers: they would belong to another model, whose output would be wrong.</summary>
    private void RequireNothingElse(HashSet<string> known)
    {
        var unknown = _locations.Keys
            .Where(name => name.StartsWith(_prefix, StringComparison.Ordinal) && !known.Contains(name)
                && !PictureParts.Any(part => name.Contains(part, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal).FirstOrDefault();
        if (unknown is not null)
        {
            throw new ModelFileException(
                _source, $"tensor '{unknown}' is none of the model that config.json describes, whose "
                    + $"num_hidden_layers is {Config.LayerCount}",
                fix: "Correct num_hidden_layers, or give the checkpoint's own config.json.");
        }
    }

    private static WeightPrecision PrecisionOf(string type) => type switch
    {
        "BF16" => WeightPrecision.BF16,
        "F16" => WeightPrecision.F16,
        _ => WeightPrecision.F32,
    };
}

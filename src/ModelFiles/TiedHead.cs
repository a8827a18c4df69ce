namespace Workflows.ModelFiles;

/// <summary>
/// Checks an output matrix that is stored beside the embedding. It is not used, because Gemma 3 uses the embedding, so
/// one that differs would be ignored silently.
/// </summary>
internal static class TiedHead
{
    private const string Name = "lm_head.weight";

    // A separately trained matrix differs in every row, so a sample of rows shows it without reading gigabytes.
    private const int ComparedRows = 256;

    public static void Require(
        IReadOnlyDictionary<string, SafetensorsFile> locations, SafetensorsFile embedding, string embeddingName)
    {
        var name = locations.ContainsKey(Name) ? Name : $"language_model.{Name}";
        if (!locations.TryGetValue(name, out var file))
        {
            return;
        }

        var (head, tied) = (file.Find(name), embedding.Find(embeddingName));
        if (head.Type != tied.Type || !head.Shape.SequenceEqual(tied.Shape))
        {
            throw Differs(file, name, $"is {head}, the embedding it is tied to {tied}");
        }

        var rowBytes = RowBytes(tied);
        var (one, other) = (new byte[rowBytes], new byte[rowBytes]);
        foreach (var row in Rows(tied))
        {
            file.Read(head, row * rowBytes, one);
            embedding.Read(tied, row * rowBytes, other);
            if (!one.AsSpan().SequenceEqual(other))
            {
                throw Differs(file, name, $"differs from the embedding it is tied to, in row {row}");
            }
        }
    }

    /// <summary>Lists the parts of the files that <see cref="Require"/> reads; none without an output matrix.</summary>
    public static IEnumerable<(string Path, long Offset, int Length)> Ranges(
        IReadOnlyDictionary<string, SafetensorsFile> locations, string embeddingName)
    {
        var name = locations.ContainsKey(Name) ? Name : $"language_model.{Name}";
        if (!locations.TryGetValue(name, out var file) || !locations.TryGetValue(embeddingName, out var embedding))
        {
            yield break;
        }

        var (head, tied) = (file.Find(name), embedding.Find(embeddingName));
        if (head.Type != tied.Type || !head.Shape.SequenceEqual(tied.Shape) || tied.Shape is not [> 0, ..])
        {
            yield break;
        }

        foreach (var row in Rows(tied))
        {
            yield return (file.Path, file.PlaceOf(head, row * RowBytes(tied)), RowBytes(tied));
            yield return (embedding.Path, embedding.PlaceOf(tied, row * RowBytes(tied)), RowBytes(tied));
        }
    }

    private static int RowBytes(StoredTensor tensor) => (int)((tensor.End - tensor.Begin) / tensor.Shape[0]);

    private static IEnumerable<long> Rows(StoredTensor tensor)
    {
        var compared = Math.Min(tensor.Shape[0], ComparedRows);
        for (var i = 0; i < compared; i++)
        {
            yield return compared == 1 ? 0 : (long)i * (tensor.Shape[0] - 1) / (compared - 1);
        }
    }

    private static ModelFileException Differs(SafetensorsFile file, string name, string problem) =>
        new(file.Path, $"tensor '{name}' {problem}", ModelFault.Unsupported,
            "Give a checkpoint whose output matrix is its embedding, as in every Gemma 3.");
}

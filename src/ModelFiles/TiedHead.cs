namespace Workflows.ModelFiles;

/// <summary>
/// Checks an output matrix that is stored beside the embedding. It is not read, because Gemma 3 uses the embedding, so
/// one that differs would be left out without a word.
/// </summary>
internal static class TiedHead
{
    private const string Name = "lm_head.weight";

    // A matrix trained by itself differs in every row, so a spread of rows shows it without reading gigabytes.
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

        var (rows, rowBytes) = (tied.Shape[0], (int)((tied.End - tied.Begin) / tied.Shape[0]));
        var (one, other) = (new byte[rowBytes], new byte[rowBytes]);
        var compared = Math.Min(rows, ComparedRows);
        for (var i = 0; i < compared; i++)
        {
            var row = compared == 1 ? 0 : (long)i * (rows - 1) / (compared - 1);
            file.Read(head, row * rowBytes, one);
            embedding.Read(tied, row * rowBytes, other);
            if (!one.AsSpan().SequenceEqual(other))
            {
                throw Differs(file, name, $"differs from the embedding it is tied to, in row {row}");
            }
        }
    }

    private static ModelFileException Differs(SafetensorsFile file, string name, string problem) =>
        new(file.Path, $"tensor '{name}' {problem}", ModelFault.Unsupported,
            "Give a checkpoint whose output matrix is its embedding, as in every Gemma 3.");
}

namespace Workflows.Samples;

/// <summary>The grammar's files, which are part of the program.</summary>
internal static class GrammarText
{
    /// <summary>Lines with something on them, comments ("#") left out.</summary>
    public static IEnumerable<string> Lines(string file)
    {
        using var stream = typeof(GrammarText).Assembly.GetManifestResourceStream(file)
            ?? throw new FileNotFoundException($"The grammar has no file '{file}'.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Trim() is { Length: > 0 } text && !text.StartsWith('#'))
            {
                yield return text;
            }
        }
    }
}

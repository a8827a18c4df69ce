using Workflows.Translation.Corpora;

namespace Workflows.Cli.Scoring;

/// <summary>The systems to score and their references, read and checked to have the same number of lines.</summary>
internal sealed record SystemOutputs(
    IReadOnlyList<string> Names,
    IReadOnlyList<IReadOnlyList<string>> Systems,
    IReadOnlyList<IReadOnlyList<string?>> References)
{
    public static SystemOutputs Read(ScoreSettings settings, Func<Stream> input)
    {
        if (settings.References.Count == 0)
        {
            throw Invalid("No references: name one or more files before -i, as in workflows score ref.txt -i out.txt");
        }

        if (settings.References.Concat(settings.Inputs).Contains(""))
        {
            throw Invalid("A file's name is empty: name one or more files before -i, and one or more after it.");
        }

        try
        {
            var references = settings.References.Select(SegmentFile.Read).ToArray();
            var (names, systems) = settings.Inputs.Count == 0 ? ReadStream(input) : ReadFiles(settings);
            for (var i = 0; i < systems.Count; i++)
            {
                Check(names[i], systems[i], settings.References, references);
            }

            return new SystemOutputs(Renamed(settings, names), systems, references);
        }
        catch (CorpusException exception)
        {
            throw Invalid(exception.Message);
        }
    }

    private static CommandException Invalid(string message) => new(message, ExitCodes.Invalid);

    private static (List<string> Names, List<IReadOnlyList<string>> Systems) ReadFiles(ScoreSettings settings)
    {
        var names = new List<string>();
        foreach (var name in settings.Inputs)
        {
            if (!names.Contains(name, StringComparer.Ordinal))
            {
                names.Add(name);
            }
            else if (settings.Test is null || name != names[0])
            {
                throw Invalid($"'{name}' is given twice after -i: name each system's file once.");
            }
        }

        return (names, [.. names.Select(SegmentFile.Read)]);
    }

    // Standard input has one system in each column, and every line break counts as one.
    private static (List<string> Names, List<IReadOnlyList<string>> Systems) ReadStream(Func<Stream> input)
    {
        using var stream = input();
        string[] lines = [.. SegmentFile.Read(stream, "standard input").SelectMany(line => line.Split('\r'))];
        var columns = lines.Length == 0 ? 1 : lines[0].TrimEnd().Split('\t').Length;
        var systems = Enumerable.Range(0, columns).Select(_ => new List<string>()).ToArray();
        for (var i = 0; i < lines.Length; i++)
        {
            var fields = lines[i].TrimEnd().Split('\t');
            if (fields.Length != columns)
            {
                throw Invalid($"Line {i + 1} of standard input has {fields.Length} columns, but the first line has "
                    + $"{columns}: give one column for each system.");
            }

            for (var column = 0; column < columns; column++)
            {
                systems[column].Add(fields[column].TrimEnd());
            }
        }

        return ([.. systems.Select((_, i) => $"System {i + 1}")], [.. systems]);
    }

    private static List<string> Renamed(ScoreSettings settings, List<string> names)
    {
        if (settings.Test is null)
        {
            return names;
        }

        return settings.Inputs.Count > 0
            ? [$"Baseline: {names[0]}", .. names[1..]]
            : ["Baseline", .. names[..^1]];
    }

    private static void Check(
        string name, IReadOnlyList<string> system, IReadOnlyList<string> files, IReadOnlyList<string>[] references)
    {
        if (system.Count == 0)
        {
            throw Invalid($"'{name}' is empty: it must have one output a line.");
        }

        for (var i = 0; i < references.Length; i++)
        {
            if (references[i].Count != system.Count)
            {
                throw Invalid($"'{name}' has {system.Count} lines and the references '{files[i]}' have "
                    + $"{references[i].Count}: both must have one segment a line, in the same order.");
            }
        }
    }
}

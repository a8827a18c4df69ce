using Workflows.Activities.Data;
using Workflows.Artifacts;
using Workflows.Orchestrations;
using Workflows.Translation.Corpora;

namespace Workflows.Service.Runs;

/// <summary>Collects every fault of a request.</summary>
/// <param name="roots">The places that it may name; null to look at no place.</param>
internal sealed class RequestCheck(InputRoots? roots)
{
    private readonly List<FieldError> _errors = [];

    /// <summary>Gets every fault until now.</summary>
    public IReadOnlyList<FieldError> Errors => _errors;

    /// <summary>Creates a check of another request that looks at files like this one.</summary>
    public RequestCheck Another() => new(roots);

    public void That(bool isRight, string field, string message, string fix)
    {
        if (!isRight)
        {
            _errors.Add(new FieldError(field, message, fix));
        }
    }

    public T InRange<T>(T value, string field, T least, T most)
        where T : IComparable<T>
    {
        That(value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0, field, $"{value} is out of range.",
            $"Use {least} to {most}.");
        return value;
    }

    /// <summary>Checks that a text is one of some words; null gives the first of them.</summary>
    public string OneOf(string? value, string field, params string[] words)
    {
        That(value is null || words.Contains(value), field, $"'{value}' is not known.",
            $"Use {string.Join(", ", words.Select(word => $"\"{word}\""))}.");
        return value ?? words[0];
    }

    /// <summary>Reads an enum member by its written name; null gives the first member.</summary>
    public T OneOf<T>(string? value, string field)
        where T : struct, Enum
    {
        OneOf(value, field, [.. WireName.All<T>()]);
        return WireName.TryParse<T>(value, out var member) ? member : Enum.GetValues<T>()[0];
    }

    /// <summary>Checks a folder that must have some files; file:// URIs are folders of this machine.</summary>
    public string Folder(string? given, string field, params string[] files)
    {
        if (string.IsNullOrWhiteSpace(given))
        {
            That(false, field, "No folder is named.", "Give the path of a Hugging Face checkpoint folder.");
            return "";
        }

        if (!IsPath(given, field))
        {
            return "";
        }

        if (IsElsewhere(given))
        {
            return Elsewhere(given, field, isModel: true) ?? given;
        }

        if (LocalPath(given, field, InputKind.Model) is not { } path)
        {
            return given;
        }

        if (roots is null)
        {
            return path;
        }

        That(Directory.Exists(path), field, $"There is no folder '{path}'.", "Give the path of a checkpoint folder.");
        foreach (var file in files.Where(_ => Directory.Exists(path)))
        {
            var whole = Path.Combine(path, file);
            That(File.Exists(whole), field, $"'{path}' has no {file}.",
                "Give a Hugging Face folder: config.json, tokenizer.json and *.safetensors.");
            if (File.Exists(whole) && InputFile.FaultOf(whole, InputFile.MostBytesOf(file)) is { } fault)
            {
                That(false, field, fault, "Give the checkpoint's own file.");
            }
        }

        return path;
    }

    /// <summary>Checks files of pairs, a folder of them, or two aligned files of plain text.</summary>
    public string? Pairs(string? given, string field, bool isNeeded)
    {
        if (string.IsNullOrWhiteSpace(given))
        {
            That(!isNeeded, field, "No file is named.",
                "Give a .tsv or .jsonl file, or two aligned files \"a.ko,a.en\".");
            return null;
        }

        if (!IsPath(given, field))
        {
            return null;
        }

        var parts = CorpusFiles.Names(given);
        if (parts.Contains(""))
        {
            That(false, field, $"'{given}' has a comma without a file on either side.",
                "Give one file, several files of pairs, or two aligned ones \"a.ko,a.en\".");
            return null;
        }

        var paths = parts.Select(part => IsElsewhere(part)
            ? Elsewhere(part, field, isModel: false) : LocalPath(part, field, InputKind.Pairs)).ToList();
        if (paths.Exists(path => path is not null && IsElsewhere(path)))
        {
            return string.Join(",", paths);
        }

        if (roots is not null && paths.All(path => path is not null))
        {
            var faults = paths.Count == 1 && Directory.Exists(paths[0])
                ? [] // A folder of shards stands for its files; the reader looks at each of them.
                : paths.Select(path => InputFile.FaultOf(path!, InputFile.MostCorpusBytes)).OfType<string>().ToList();
            faults.ForEach(fault => That(false, field, fault, "Give the path of a file."));
            if (faults.Count == 0)
            {
                GoTogether(string.Join(",", paths), field);
            }
        }

        That(paths is not [{ } single] || Directory.Exists(single) || CorpusReader.KnowsFormatOf(single), field,
            $"The ending of '{parts[0]}' tells no format of pairs.",
            $"Give a file that ends in {CorpusReader.KnownEndings}; or two aligned files \"a.ko,a.en\".");
        return string.Join(",", paths);
    }

    /// <summary>Checks a scenario file of the emulated cloud.</summary>
    public void Scenario(string? given, string field)
    {
        if (given is not null && IsPath(given, field)
            && LocalPath(given, field, InputKind.Scenario) is { } path && roots is not null
            && InputFile.FaultOf(path, InputFile.MostScenarioBytes) is { } fault)
        {
            That(false, field, fault, "Give the path of a scenario file, or leave it out.");
        }
    }

    /// <summary>Checks a text of one line that is sent to the cloud, or written to a log or a report.</summary>
    public string? Line(string? given, string field)
    {
        That(given is null || !given.Any(char.IsControl), field, "It has a line break or another control character.",
            "Write it on one line.");
        return given;
    }

    public void ThrowIfAny()
    {
        if (_errors.Count > 0)
        {
            throw new RunRequestException(_errors);
        }
    }

    private void GoTogether(string files, string field)
    {
        try
        {
            CorpusFiles.Of(files);
        }
        catch (CorpusException exception)
        {
            That(false, field, exception.Message,
                "Give files of pairs, which are read one after the other, or two aligned files \"a.ko,a.en\".");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            That(false, field, exception.Message, "Let the service read the folder and its files.");
        }
    }

    private bool IsPath(string given, string field)
    {
        var isPath = !given.Contains('\0', StringComparison.Ordinal);
        That(isPath, field, "It has a character of code 0, which no path can have.", "Leave the \\u0000 out.");
        return isPath;
    }

    /// <summary>Returns whether an address is of a bucket or of the Hub.</summary>
    private static bool IsElsewhere(string given) =>
        given.StartsWith("gs://", StringComparison.Ordinal) || given.StartsWith("hf://", StringComparison.Ordinal);

    /// <summary>
    /// Reads an address of a bucket or of the Hub; its existence is checked before renting.
    /// </summary>
    private string? Elsewhere(string given, string field, bool isModel)
    {
        var address = ArtifactUri.TryParse(given, out var fault);
        That(address is not null, field, fault ?? "",
            isModel ? "Give gs://BUCKET/PREFIX or hf://ORG/NAME[@REVISION]."
                : "Give gs://BUCKET/FILE or hf://datasets/ORG/NAME[@REVISION]/FILE.");
        if (address is { Scheme: ArtifactScheme.Hub } && address.IsDataSet == isModel)
        {
            That(false, field, isModel ? $"'{given}' is a data set of the Hub, no model." :
                $"'{given}' is a model of the Hub, no data set.",
                isModel ? "Give hf://ORG/NAME[@REVISION]." : "Give hf://datasets/ORG/NAME[@REVISION]/FILE.");
        }

        if (address is not null && roots?.FixOfAddress(address.ToText()) is { } fix)
        {
            That(false, field, $"'{given}' is no place that requests may name here.", fix);
        }

        return address?.ToText();
    }

    /// <summary>Refuses relative paths, which would start from the service's folder, which its user does not
    /// know.</summary>
    private string? LocalPath(string given, string field, InputKind kind)
    {
        if (given.Contains("://", StringComparison.Ordinal))
        {
            var isFile = Uri.TryCreate(given, UriKind.Absolute, out var uri) && uri.IsFile;
            That(isFile, field, $"'{given}' is no place that is known.",
                kind switch
                {
                    InputKind.Model => "Give an absolute path, or an address: file://, gs:// or hf://. Uploaded files "
                        + "are pairs and scenarios, no models.",
                    InputKind.Pairs => "Give an absolute path, or an address: file://, gs://, hf:// or upload://.",
                    _ => "Give an absolute path, or an address: file:// or upload://.",
                });
            return isFile ? Allowed(Path.GetFullPath(uri!.LocalPath), given, field, kind) : null;
        }

        That(Path.IsPathFullyQualified(given), field, $"'{given}' is a relative path.",
            "Give the absolute path, which begins with a slash, or a file:// URI.");
        return Path.IsPathFullyQualified(given) ? Allowed(Path.GetFullPath(given), given, field, kind) : null;
    }

    private string? Allowed(string path, string given, string field, InputKind kind)
    {
        var fix = roots?.FixOf(path, kind);
        That(fix is null, field, $"'{given}' is not in a folder that requests may name here.", fix ?? "");
        return fix is null ? path : null;
    }
}

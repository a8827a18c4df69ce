using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Workflows.Orchestrations;
using Workflows.Service.Runs;
using Workflows.Translation.Corpora;

namespace Workflows.Service.Files;

/// <summary>
/// Replaces <c>upload://NAME</c> in requests by the path of the content that the file has now: a run keeps it, whatever
/// happens to the file afterwards (ADR 0026).
/// </summary>
internal sealed partial class UploadReferences(IFileStore store)
{
    /// <summary>The beginning of an address of an uploaded file.</summary>
    public const string Scheme = "upload://";

    /// <summary>Resolves the addresses of a request.</summary>
    /// <exception cref="RunRequestException">A file does not exist.</exception>
    public RunRequest Resolve(RunRequest request)
    {
        var errors = new List<FieldError>();
        var resolved = Map(request, (field, text) => PathsOf(
            field, text, errors, isRead: !store.IsOfRealCloud || request.Rehearsal is null));
        return errors.Count > 0 ? throw new RunRequestException(errors) : resolved;
    }

    /// <summary>Resolves the addresses of a change of a request; a text that is no JSON object is left to the reader of
    /// changes.</summary>
    /// <param name="changes">The changed fields.</param>
    /// <param name="isRehearsal">true if the run that is changed is a rehearsal.</param>
    /// <exception cref="RunRequestException">A file does not exist, or a rehearsal cannot read it.</exception>
    public string ResolveChanges(string changes, bool isRehearsal)
    {
        if (!changes.Contains(Scheme, StringComparison.Ordinal))
        {
            return changes;
        }

        // Refuses what is no request, with its own words.
        RunRequestReader.Parse(changes);
        var request = JsonNode.Parse(changes, new JsonNodeOptions { PropertyNameCaseInsensitive = true })!.AsObject();
        var errors = new List<FieldError>();
        isRehearsal = request.ContainsKey("rehearsal") ? request["rehearsal"] is not null : isRehearsal;
        foreach (var name in new[] { "train", "test", "validation" })
        {
            if (request["data"] is JsonObject data && data[name] is JsonValue value
                && value.TryGetValue<string>(out var text))
            {
                data[name] = PathsOf(
                    $"data.{name}", text, errors, isRead: !store.IsOfRealCloud || !isRehearsal);
            }
        }

        return errors.Count > 0 ? throw new RunRequestException(errors) : request.ToJsonString();
    }

    /// <summary>Returns the request with addresses that do not depend on contents, to compare it with others.</summary>
    public RunRequest Neutral(RunRequest request) => Map(request, (_, text) => Addresses().Replace(
        text, match => Path.Combine(
            store.Contents, "*",
            FileName.TryParse(match.Groups[1].Value.Trim(), out var known) ? known : match.Groups[1].Value)));

    /// <summary>Returns the specification with addresses that do not depend on contents.</summary>
    public RunSpec Neutral(RunSpec spec) => spec with
    {
        Data = spec.Data with
        {
            Train = Neutral(spec.Data.Train)!,
            Test = Neutral(spec.Data.Test),
            Validation = Neutral(spec.Data.Validation),
        },
    };

    /// <summary>Keeps the contents that a run uses, until it is purged.</summary>
    /// <param name="spec">The run.</param>
    /// <returns>Takes back what this call has added, if the run is not started.</returns>
    /// <exception cref="RunRequestException">A content was deleted meanwhile.</exception>
    public Action Hold(RunSpec spec)
    {
        var added = new List<string>();
        foreach (var (field, text) in new[]
        {
            ("data.train", (string?)spec.Data.Train), ("data.test", spec.Data.Test),
            ("data.validation", spec.Data.Validation),
        })
        {
            foreach (var path in CorpusFiles.Names(text ?? "").Where(IsOfStore))
            {
                var isNew = store.Use(path, spec.RunId) ?? throw new RunRequestException([new FieldError(
                    field, $"The uploaded file '{Path.GetFileName(path)}' was deleted, and no run keeps its content.",
                    "Upload it again: PUT /files/NAME, or workflows files put FILE.")]);
                if (isNew)
                {
                    added.Add(path);
                }
            }
        }

        // Only these: another request may have started a run of this id with other files.
        return () => added.ForEach(path => store.Release(path, spec.RunId));
    }

    /// <summary>Ends the use by a run that is purged.</summary>
    public void Release(RunId runId) => store.Release(runId);

    private bool IsOfStore(string path) => store.Contents.Length > 0
        && path.StartsWith(store.Contents + Separator, StringComparison.Ordinal)
        && Content().IsMatch(path[(store.Contents.Length + 1)..]);

    private char Separator => store.IsOfRealCloud ? '/' : Path.DirectorySeparatorChar;

    private string? Neutral(string? text) => text is null || !text.Contains(store.Contents, StringComparison.Ordinal)
        ? text
        : string.Join(',', text.Split(',').Select(path => IsOfStore(path)
            ? Path.Combine(store.Contents, "*", Path.GetFileName(path)) : path));

    private static RunRequest Map(RunRequest request, Func<string, string, string> map)
    {
        return request with
        {
            Data = request.Data is not { } data ? null : data with
            {
                Train = Of("data.train", data.Train),
                Test = Of("data.test", data.Test),
                Validation = Of("data.validation", data.Validation),
            },
            Rehearsal = request.Rehearsal is not { } rehearsal ? null : rehearsal with
            {
                Scenario = Of("rehearsal.scenario", rehearsal.Scenario),
            },
        };

        string? Of(string field, string? text) => text is null ? null : map(field, text);
    }

    private string PathsOf(
        string field, string text, List<FieldError> errors, bool isRead) => Addresses().Replace(text, match =>
    {
        var name = match.Groups[1].Value.Trim();
        if (!isRead)
        {
            errors.Add(new FieldError(
                field, "Uploaded files are in a bucket here, and a rehearsal reads the emulated cloud alone.",
                "Name a path that every service has, or let the run pay."));
            return match.Value;
        }

        if (FileName.TryParse(name, out var known) && store.Find(known) is { } file)
        {
            return store.PathOf(file);
        }

        errors.Add(new FieldError(
            field, $"There is no uploaded file '{SafeText.Of(name, 100)}'.",
            $"{NearestName.Ask(SafeText.Of(name, 100), store.All().Select(each => each.Name))}Upload it first: PUT "
                + "/files/NAME, or workflows files put FILE."));
        return match.Value;
    });

    [GeneratedRegex(@"(?<=^|,)\s*upload://([^,]*)", RegexOptions.CultureInvariant)]
    private static partial Regex Addresses();

    [GeneratedRegex(@"^[0-9a-f]{64}/[^/]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex Content();
}

using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace Workflows.Artifacts;

/// <summary>
/// The address of an artifact, or of the folder above some. Two addresses with the same text are equal.
/// </summary>
public sealed partial record ArtifactUri
{
    private const string FilePrefix = "file://", StoragePrefix = "gs://", HubPrefix = "hf://", Sets = "datasets/";

    /// <summary>Cloud Storage's limit for an object's name, in bytes of UTF-8.</summary>
    private const int LongestName = 1024;
    private static readonly SearchValues<char> NoRevision = SearchValues.Create(" ~^:?*[\\");

    private ArtifactUri(ArtifactScheme scheme, string container, string path) =>
        (Scheme, Container, Path) = (scheme, container, path);

    /// <summary>Gets the place.</summary>
    public ArtifactScheme Scheme { get; }

    /// <summary>Gets the bucket; for the Hub the repository, <c>ORG/NAME</c>; empty for files.</summary>
    public string Container { get; }

    /// <summary>
    /// Gets the path inside the container, without slashes at its ends; for files the absolute path. It is empty for
    /// the whole container.
    /// </summary>
    public string Path { get; }

    /// <summary>Gets the revision of a repository of the Hub, a branch, tag or commit; null elsewhere.</summary>
    public string? Revision { get; private init; }

    /// <summary>Gets a value indicating whether a repository of the Hub is a data set, not a model.</summary>
    public bool IsDataSet { get; private init; }

    /// <summary>Gets the last part of the path.</summary>
    public string Name => Path[(Path.LastIndexOfAny(['/', System.IO.Path.DirectorySeparatorChar]) + 1)..];

    /// <summary>Reads an address.</summary>
    /// <param name="text">The address, or an absolute path as in older histories.</param>
    /// <returns>The address.</returns>
    /// <exception cref="ArtifactException">The text is not an address: <see cref="ArtifactFault.Address"/>.</exception>
    public static ArtifactUri Parse(string text) => TryParse(text, out var fault) ?? throw new ArtifactException(
        ArtifactFault.Address, Shown(text ?? ""), fault!, "Give an absolute path, file:///PATH, gs://BUCKET/PREFIX or "
        + "hf://ORG/NAME[@REVISION].");

    /// <summary>Reads an address.</summary>
    /// <param name="text">The address, or an absolute path.</param>
    /// <param name="fault">The reason why the text is not an address, as a sentence; null if it is one.</param>
    /// <returns>The address; null if the text is not one.</returns>
    public static ArtifactUri? TryParse(string? text, out string? fault)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            fault = "The address is empty.";
            return null;
        }

        if (text.Any(char.IsControl))
        {
            fault = "The address has a line break or another control character.";
            return null;
        }

        if (!IsWhole(text))
        {
            fault = "The address has half of a character, an unpaired surrogate.";
            return null;
        }

        return text switch
        {
            _ when text.StartsWith(FilePrefix, StringComparison.Ordinal) => FileOf(text, out fault),
            _ when text.StartsWith(StoragePrefix, StringComparison.Ordinal) =>
                StorageOf(text[StoragePrefix.Length..], text, out fault),
            _ when text.StartsWith(HubPrefix, StringComparison.Ordinal) =>
                HubOf(text[HubPrefix.Length..], text, out fault),
            _ when text.Contains("://", StringComparison.Ordinal) => None(
                $"'{text[..text.IndexOf("://", StringComparison.Ordinal)]}://' is no place for artifacts; there are "
                + "file://, gs:// and hf://.", out fault),
            _ when System.IO.Path.IsPathFullyQualified(text) => Local(text, out fault),
            _ => None($"'{text}' is a relative path, which depends on the folder of a program.", out fault),
        };
    }

    /// <summary>Returns the address of a file or folder of this machine.</summary>
    /// <param name="path">Its path; a relative one starts from the current folder.</param>
    /// <returns>The address.</returns>
    public static ArtifactUri OfFile(string path) =>
        new(ArtifactScheme.File, "", Trimmed(System.IO.Path.GetFullPath(path)));

    /// <summary>Returns the address of an artifact below this one.</summary>
    /// <param name="relative">Its path from here, with slashes, such as <c>step-00000010/manifest.json</c>.</param>
    /// <returns>The address.</returns>
    /// <exception cref="ArtifactException">The path leaves this folder, or has an empty part.</exception>
    public ArtifactUri Child(string relative)
    {
        if (FaultOfPath(relative) is { } fault)
        {
            throw new ArtifactException(
                ArtifactFault.Address, $"{this}/{Shown(relative)}", fault, "Give a path inside it.");
        }

        return new ArtifactUri(
            Scheme, Container, Scheme == ArtifactScheme.File
                ? System.IO.Path.Combine(Path, relative.Replace('/', System.IO.Path.DirectorySeparatorChar))
                : Path.Length == 0 ? relative : $"{Path}/{relative}")
        {
            Revision = Revision,
            IsDataSet = IsDataSet,
        };
    }

    /// <summary>Returns the address of the same artifact of the Hub at another revision.</summary>
    /// <param name="revision">A branch, tag or commit.</param>
    /// <returns>The address.</returns>
    internal ArtifactUri AtRevision(string revision) => this with { Revision = revision };

    /// <summary>Returns the path of this artifact from a folder above it, with slashes.</summary>
    /// <param name="root">The folder.</param>
    /// <returns>The path; null if this is not below the folder.</returns>
    public string? RelativeTo(ArtifactUri root)
    {
        if ((Scheme, Container, Revision, IsDataSet)
            != (root.Scheme, root.Container, root.Revision, root.IsDataSet))
        {
            return null;
        }

        var separator = Scheme == ArtifactScheme.File ? System.IO.Path.DirectorySeparatorChar : '/';
        var above = root.Path.Length == 0 || root.Path.EndsWith(separator) ? root.Path : root.Path + separator;
        return Path.Length > above.Length && Path.StartsWith(above, StringComparison.Ordinal)
            ? Path[above.Length..].Replace(separator, '/')
            : null;
    }

    /// <summary>Formats the address for jobs and records: a file's is its path, as in older ones.</summary>
    /// <returns>A text that <see cref="Parse"/> reads.</returns>
    public string ToText() => Scheme == ArtifactScheme.File ? Path : ToString();

    /// <inheritdoc />
    public override string ToString() => Scheme switch
    {
        ArtifactScheme.File => FileText(Path),
        ArtifactScheme.CloudStorage => Path.Length == 0
            ? $"{StoragePrefix}{Container}" : $"{StoragePrefix}{Container}/{Path}",
        _ => $"{HubPrefix}{(IsDataSet ? Sets : "")}{Container}"
            + (Revision == "main" ? "" : $"@{Uri.EscapeDataString(Revision!)}")
            + (Path.Length == 0 ? "" : $"/{Path}"),
    };

    private static ArtifactUri? FileOf(string text, out string? fault) =>
        !Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length > 0
            || !text.StartsWith($"{FilePrefix}/", StringComparison.Ordinal)
            ? None($"'{text}' names no file of this machine; write file:///PATH with three slashes.", out fault)
            : uri.Query.Length + uri.Fragment.Length > 0
                ? None($"'{text}' has a '?' or '#'; write them as %3F and %23.", out fault)
                : Local(OperatingSystem.IsWindows()
                    ? uri.LocalPath : Uri.UnescapeDataString(text[FilePrefix.Length..]), out fault);

    // Uri reads "%2e" of a path as a '.', so "/data/%2e%2e" would become the folder above.
    private static string FileText(string path) => OperatingSystem.IsWindows()
        ? new Uri(path.Replace("%", "%25", StringComparison.Ordinal)).AbsoluteUri
        : FilePrefix + string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    private static ArtifactUri? Local(string path, out string? fault)
    {
        // Escapes such as %00 become characters only now.
        if (path.Any(char.IsControl))
        {
            return None("The address has an escape of a control character.", out fault);
        }

        fault = null;
        return OfFile(path);
    }

    private static ArtifactUri? StorageOf(string rest, string text, out string? fault)
    {
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (bucket, path) = slash < 0 ? (rest, "") : (rest[..slash], rest[(slash + 1)..].TrimEnd('/'));
        if (!Bucket().IsMatch(bucket) || NoBucket().IsMatch(bucket))
        {
            return None(
                $"'{bucket}' of '{text}' is no name of a bucket: 3 to 63 lower-case letters, digits, '-', '_' and '.', "
                + "with a letter or digit at each end and beside each '.'; no IP address, and not goog at its "
                + "beginning.",
                out fault);
        }

        fault = path.Length == 0 ? null : FaultOfPath(path);
        return fault is null ? new ArtifactUri(ArtifactScheme.CloudStorage, bucket, path) : null;
    }

    private static ArtifactUri? HubOf(string rest, string text, out string? fault)
    {
        var isSet = rest.StartsWith(Sets, StringComparison.Ordinal);
        var match = Repository().Match(isSet ? rest[Sets.Length..] : rest);
        if (!match.Success)
        {
            return None(
                $"'{text}' names no repository of the Hub; write hf://ORG/NAME, hf://ORG/NAME@REVISION or "
                + "hf://datasets/ORG/NAME.", out fault);
        }

        var path = match.Groups["path"].Value.TrimEnd('/');
        // A branch such as refs/pr/1 is written with %2F, as in the Hub's own addresses.
        var revision = match.Groups["revision"] is { Success: true } given
            ? Uri.UnescapeDataString(given.Value) : "main";
        fault = FaultOfRevision(revision) ?? (path.Length == 0 ? null : FaultOfPath(path));
        return fault is not null
            ? null
            : new ArtifactUri(ArtifactScheme.Hub, match.Groups["name"].Value, path)
            {
                Revision = revision,
                IsDataSet = isSet,
            };
    }

    private static string? FaultOfPath(string path) => path switch
    {
        _ when path.Split('/').Any(part => part is "" or "." or "..") =>
            $"'{Shown(path)}' has an empty part, a '.' or a '..'.",
        _ when path.Any(char.IsControl) => $"'{Shown(path)}' has a control character.",
        _ when !IsWhole(path) => $"'{Shown(path)}' has half of a character, an unpaired surrogate.",
        _ when Encoding.UTF8.GetByteCount(path) > LongestName => $"'{path}' is longer than {LongestName} bytes.",
        _ => null,
    };

    // It becomes the name of a file in the cache; Git's branch names have none of these characters.
    private static string? FaultOfRevision(string revision) => FaultOfPath(revision) is { } fault
        ? $"The revision {fault}"
        : revision.AsSpan().ContainsAny(NoRevision)
            ? $"The revision '{revision}' has a space or one of ~^:?*[\\, which no branch, tag or commit has." : null;

    private static bool IsWhole(string text) =>
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Equals(text, StringComparison.Ordinal);

    /// <summary>Formats a text for an error: characters that a terminal would act on become U+FFFD.</summary>
    private static string Shown(string text) =>
        string.Concat(text.Select(letter => char.IsControl(letter) ? '\uFFFD' : letter));

    private static ArtifactUri? None(string why, out string? fault)
    {
        fault = why;
        return null;
    }

    private static string Trimmed(string path) => System.IO.Path.TrimEndingDirectorySeparator(path);

    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$", RegexOptions.CultureInvariant)]
    private static partial Regex Bucket();

    [GeneratedRegex(@"[.][.-]|-[.]|^goog|^\d+[.]\d+[.]\d+[.]\d+$", RegexOptions.CultureInvariant)]
    private static partial Regex NoBucket();

    [GeneratedRegex(
        "^(?<name>[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95})(?:@(?<revision>[^/@]+))?"
        + "(?:/(?<path>.*))?$", RegexOptions.CultureInvariant)]
    private static partial Regex Repository();
}

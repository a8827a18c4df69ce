using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>Kinds of fields that name places.</summary>
internal enum InputKind
{
    /// <summary>A folder of a model.</summary>
    Model,

    /// <summary>Files of pairs.</summary>
    Pairs,

    /// <summary>A scenario of the emulated cloud.</summary>
    Scenario,
}

/// <summary>
/// The places that requests may name: folders of this machine, and beginnings of addresses. <b>Invariant:</b> a request
/// that can come from another machine reads no file of the service's disk but uploaded ones and those below the folders
/// of <see cref="ServiceSettings.InputRoots"/>, whatever links lead out of them.
/// </summary>
internal sealed class InputRoots
{
    private const string Setting = "Workflows:InputRoots";

    private const string Uploads =
        "Upload it (PUT /files/NAME, or workflows files put FILE) and name upload://NAME";

    /// <summary>Most links on the way to a file; as the system's own limit.</summary>
    private const int MostLinks = 40;

    private readonly bool _isAnywhere;
    private readonly IReadOnlyList<string> _folders;
    private readonly IReadOnlyList<string> _addresses;
    private readonly string? _contents;

    private InputRoots(
        bool isAnywhere, IReadOnlyList<string> folders, IReadOnlyList<string> addresses, string? contents = null) =>
        (_isAnywhere, _folders, _addresses, _contents) = (isAnywhere, folders, addresses, contents);

    /// <summary>Gets the roots of a person who reads the own files.</summary>
    public static InputRoots Anywhere { get; } = new(true, [], []);

    /// <summary>Reads the setting.</summary>
    /// <param name="settings">The service's settings.</param>
    /// <param name="isOpen">true if requests can come from other machines.</param>
    /// <exception cref="ServiceStartException">A part is neither an absolute folder nor an address.</exception>
    public static InputRoots Of(ServiceSettings settings, bool isOpen)
    {
        if (settings.InputRoots is null)
        {
            return isOpen || HasMessages(settings) ? new InputRoots(false, [], []) : Anywhere;
        }

        var parts = settings.InputRoots.Split(
            ',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (var part in parts.Where(part => !IsAddress(part) && !IsFolder(part)))
        {
            throw new ServiceStartException(
                $"{Setting} has '{part}', which is neither an absolute path nor gs://BUCKET/PREFIX or hf://ORG. Name "
                + "folders and addresses with commas between them.");
        }

        return new InputRoots(false, [.. parts.Where(part => !IsAddress(part))], [.. parts.Where(IsAddress)]);
    }

    /// <summary>Returns these roots and the place of uploaded contents.</summary>
    /// <param name="contents">The folder or address; empty for none.</param>
    public InputRoots With(string contents) =>
        new(_isAnywhere, _folders, _addresses, contents.Length > 0 ? contents : null);

    /// <summary>Looks at a path of this machine, before anything else does: an answer must not tell what is
    /// there.</summary>
    /// <param name="path">An absolute path.</param>
    /// <param name="kind">The kind of the field that names it.</param>
    /// <returns>The fix; null if the path may be read.</returns>
    public string? FixOf(string path, InputKind kind)
    {
        var folders = _contents is null || IsAddress(_contents) ? _folders : [.. _folders, _contents];
        return _isAnywhere || (RealOf(path) is { } real
            && folders.Any(folder => RealOf(folder) is { } root && IsBelow(real, root, Path.DirectorySeparatorChar)))
                ? null
                : _folders.Count > 0 ? $"{Elsewhere(kind)}, or a path below {string.Join(" or ", _folders)}."
                : $"{Elsewhere(kind)}. {Setting} can allow folders.";
    }

    /// <summary>Names the other places of a kind: uploads are single files, and scenarios on this machine.</summary>
    private string Elsewhere(InputKind kind)
    {
        var addresses = _addresses.Count > 0 ? $"an address below {string.Join(" or ", _addresses)}" : "gs:// or hf://";
        return kind switch
        {
            InputKind.Model => $"Name {addresses}",
            InputKind.Pairs => $"{Uploads}, or name {addresses}",
            _ => Uploads,
        };
    }

    /// <summary>Looks at an address of a bucket or of the Hub.</summary>
    /// <param name="address">The address.</param>
    /// <returns>The fix; null if it may be read.</returns>
    public string? FixOfAddress(string address) =>
        _addresses.Count == 0 || (_contents is { } contents && IsBelow(address, contents, '/'))
            || _addresses.Any(root => IsBelow(address, root, '/'))
            ? null : $"Name an address below {string.Join(" or ", _addresses)}; {Setting} allows these.";

    private static bool HasMessages(ServiceSettings settings) =>
        !string.IsNullOrWhiteSpace(settings.PubSub.Subscription)
        || !string.IsNullOrWhiteSpace(settings.Dapr.StartTopic);

    private static bool IsAddress(string part) => part.StartsWith("gs://", StringComparison.Ordinal)
        || part.StartsWith("hf://", StringComparison.Ordinal);

    private static bool IsFolder(string part) => Path.IsPathFullyQualified(part)
        && !part.Contains("://", StringComparison.Ordinal) && !part.Contains('\0', StringComparison.Ordinal);

    private static bool IsBelow(string path, string root, char separator) =>
        path.Equals(root, StringComparison.Ordinal)
        || path.StartsWith(root.EndsWith(separator) ? root : root + separator, StringComparison.Ordinal);

    /// <summary>Follows every link on the way to a path; what does not exist is no link.</summary>
    /// <returns>null if the links lead in a circle or cannot be read.</returns>
    private static string? RealOf(string path)
    {
        var links = 0;
        var parts = new Stack<string>(PartsOf(path).Reverse());
        var real = Path.GetPathRoot(path)!;
        try
        {
            while (parts.TryPop(out var part))
            {
                var next = Path.GetFullPath(Path.Combine(real, part));
                if (part == ".." || new FileInfo(next).LinkTarget is not { } target)
                {
                    real = next;
                    continue;
                }

                if (++links > MostLinks)
                {
                    return null;
                }

                real = Path.IsPathRooted(target) ? Path.GetPathRoot(target)! : real;
                foreach (var each in PartsOf(target).Reverse())
                {
                    parts.Push(each);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return Path.TrimEndingDirectorySeparator(real);
    }

    private static string[] PartsOf(string path) => path[Path.GetPathRoot(path)!.Length..].Split(
        Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries);
}

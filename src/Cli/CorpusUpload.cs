using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Workflows.Cli.Watching;
using Workflows.Translation;
using Workflows.Translation.Corpora;

namespace Workflows.Cli;

/// <summary>
/// Uploads the corpus files of a request that are on this machine, and names them by their addresses in the service. A
/// name has a part of the content's hash: it never replaces another file, and the same file is sent once.
/// </summary>
internal static class CorpusUpload
{
    private const int MostStem = 60, HashDigits = 12;

    private static readonly (string Section, string Name)[] Fields =
        [("data", "train"), ("data", "test"), ("data", "validation"), ("rehearsal", "scenario")];

    /// <summary>Gets the option that decides whether files are uploaded.</summary>
    public static Option<bool?> Wanted { get; } = new("--upload")
    {
        Description = "Upload corpus files of this machine to the service; done by itself where --service is on "
            + "another machine. --upload false: never, the paths are those of the service's machine.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    /// <summary>Uploads what a request names.</summary>
    /// <param name="link">The service.</param>
    /// <param name="json">The request, whose paths are absolute.</param>
    /// <param name="isWanted">The option; null if it was not given.</param>
    /// <param name="say">Takes a sentence for each file.</param>
    /// <param name="cancellation">Cancels the uploads.</param>
    /// <returns>The request with the addresses; paths that do not exist here are left to the service.</returns>
    /// <exception cref="CommandException">A file cannot be read, or the service refused it.</exception>
    public static async Task<string> OfRequestAsync(
        ServiceLink link, string json, bool? isWanted, Action<string> say, CancellationToken cancellation)
    {
        if (!(isWanted ?? link.IsElsewhere))
        {
            return json;
        }

        var request = JsonNode.Parse(json, RequestFile.AnyCase)!.AsObject();
        foreach (var (section, name) in Fields)
        {
            if (request[section] is JsonObject parent && parent[name] is JsonValue value
                && value.TryGetValue<string>(out var text) && !string.IsNullOrWhiteSpace(text))
            {
                var parts = new List<string>();
                foreach (var part in CorpusFiles.Names(text).SelectMany(part => FilesOf(part, section, name)))
                {
                    parts.Add(File.Exists(part)
                        ? $"upload://{await PutAsync(link, part, null, say, cancellation)}" : part);
                }

                parent[name] = string.Join(',', parts);
            }
        }

        return request.ToJsonString();
    }

    /// <summary>Uploads a file.</summary>
    /// <param name="link">The service.</param>
    /// <param name="path">The file.</param>
    /// <param name="name">Its name in the service; null to make one.</param>
    /// <param name="say">Takes a sentence.</param>
    /// <param name="cancellation">Cancels the upload.</param>
    /// <returns>Its name in the service.</returns>
    public static async Task<string> PutAsync(
        ServiceLink link, string path, string? name, Action<string> say, CancellationToken cancellation)
    {
        if (!File.Exists(path) || !FileKind.IsRegular(path))
        {
            throw new CommandException($"'{path}' is not a regular file.", ExitCodes.Invalid);
        }

        try
        {
            byte[] hash;
            await using (var file = File.OpenRead(path))
            {
                hash = await SHA256.HashDataAsync(file, cancellation);
            }

            name ??= NameOf(path, hash);
            var megabytes = (new FileInfo(path).Length / 1e6).ToString("0.0", CultureInfo.InvariantCulture);
            say(TerminalText.Of(await link.PutFileAsync(name, path, hash, cancellation)
                ? $"Uploaded {Path.GetFileName(path)} ({megabytes} MB) as upload://{name}"
                : $"The service has {Path.GetFileName(path)} already, as upload://{name}"));
            return name;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"'{path}' cannot be uploaded: {exception.Message}", ExitCodes.Failed);
        }
    }

    /// <summary>Makes a name of a file's name and content, which keeps the ending that tells the format.</summary>
    internal static string NameOf(string path, byte[] sha256)
    {
        var whole = Path.GetFileName(path).Normalize(NormalizationForm.FormC);
        var isPacked = whole.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        var ending = Path.GetExtension(isPacked ? whole[..^3] : whole) + (isPacked ? whole[^3..] : "");
        var stem = string.Concat(whole[..^ending.Length].Select(
            each => char.IsLetterOrDigit(each) || each is '.' or '_' or '-' ? each : '_'));
        stem = stem.TrimStart('.', '-');
        return $"{(stem.Length > MostStem ? stem[..MostStem] : stem.Length == 0 ? "file" : stem)}-"
            + $"{Convert.ToHexStringLower(sha256)[..HashDigits]}{ending}";
    }

    /// <summary>Returns the files of a folder of pairs, and anything else as it is.</summary>
    private static IReadOnlyList<string> FilesOf(string part, string section, string name)
    {
        var path = part.StartsWith("file://", StringComparison.OrdinalIgnoreCase)
            && Uri.TryCreate(part, UriKind.Absolute, out var uri) ? uri.LocalPath : part;
        if (section != "data" || !Directory.Exists(path))
        {
            return [path];
        }

        try
        {
            return CorpusFiles.Of(path).Paths;
        }
        catch (CorpusException exception)
        {
            throw new CommandException($"{section}.{name}: {exception.Message}", ExitCodes.Invalid);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"{section}.{name}: {exception.Message}", ExitCodes.Invalid);
        }
    }
}

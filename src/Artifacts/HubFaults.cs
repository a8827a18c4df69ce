using System.Net;
using System.Text;

namespace Workflows.Artifacts;

/// <summary>Creates the exceptions for the Hub's error codes.</summary>
internal static class HubFaults
{
    private const int MostText = 2000;
    private static readonly TimeSpan LongestText = TimeSpan.FromSeconds(10);

    public static async Task<ArtifactException> OfAsync(
        ArtifactUri uri, HubSettings settings, HttpResponseMessage answer, CancellationToken cancellation)
    {
        var code = Header("X-Error-Code");
        var text = Header("X-Error-Message") ?? await TextAsync(answer, cancellation);
        var words = $"The Hub answered {(int)answer.StatusCode} {code ?? $"{answer.StatusCode}"}"
            + (text.Length == 0 ? "." : $": {text.TrimEnd('.')}.");
        var page = new Uri(settings.Endpoint, $"/{(uri.IsDataSet ? "datasets/" : "")}{uri.Container}");
        return (code, answer.StatusCode) switch
        {
            ("GatedRepo", _) => Of(
                ArtifactFault.Gated,
                $"Accept the licence at {page} with the account of the token, and set HF_TOKEN to a token of it."),
            ("RevisionNotFound", _) => Of(
                ArtifactFault.Revision, $"Name a branch, tag or commit that {page} lists, or leave @REVISION out."),
            ("EntryNotFound", _) => Of(ArtifactFault.NotFound, $"Name a file that {page} lists."),
            ("RepoNotFound", _) or (_, HttpStatusCode.NotFound) => Of(ArtifactFault.NotFound, PrivateOrMissing()),
            (_, HttpStatusCode.Unauthorized) => settings.Token is null
                ? Of(ArtifactFault.NotFound, PrivateOrMissing())
                : Of(ArtifactFault.Unauthenticated, "Set HF_TOKEN to a token that is valid, or unset it."),
            (_, HttpStatusCode.Forbidden) => Of(
                ArtifactFault.Forbidden, "Use a token with the right to read this repository."),
            (_, HttpStatusCode.TooManyRequests) => Of(
                ArtifactFault.RateLimited, "Wait some minutes, or set HF_TOKEN: who is known has a higher limit."),
            (_, >= HttpStatusCode.InternalServerError) => Of(ArtifactFault.Unavailable, "Wait, and try again."),
            _ => Of(ArtifactFault.Refused, "Correct what the message names."),
        };

        string? Header(string name) => answer.Headers.TryGetValues(name, out var values)
            ? Clean(string.Join(" ", values)) : null;

        string PrivateOrMissing() => settings.Token is null
            ? "Check the name; a private repository needs HF_TOKEN."
            : "Check the name; the token's account may not see it.";

        ArtifactException Of(ArtifactFault fault, string fix) => new(fault, $"{uri}", words, fix);
    }

    public static ArtifactException Unreachable(ArtifactUri uri, HubSettings settings, Exception exception) => new(
        ArtifactFault.Unavailable, $"{uri}", $"{settings.Endpoint} cannot be reached: {exception.Message}",
        "Look at the network; with HF_HUB_OFFLINE=1 only the cache is used.", exception);

    public static ArtifactException Offline(ArtifactUri uri, HubSettings settings) => new(
        ArtifactFault.NotFound, $"{uri}", $"It is not in the cache '{settings.Cache}', and HF_HUB_OFFLINE is set.",
        "Unset HF_HUB_OFFLINE, or download it once where there is a network.");

    /// <summary>Reads the beginning of the words of an error; an HTML page would not help its reader.</summary>
    private static async Task<string> TextAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        if (answer.Content.Headers.ContentType?.MediaType is not ("text/plain" or "application/json"))
        {
            return "";
        }

        var bytes = new byte[MostText];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LongestText);
        try
        {
            await using var body = await answer.Content.ReadAsStreamAsync(limit.Token);
            var count = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, limit.Token);
            return Clean(Encoding.UTF8.GetString(bytes, 0, count));
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested
            && exception is HttpRequestException or IOException or OperationCanceledException)
        {
            // The status says what is wrong; its words broke off.
            return "";
        }
    }

    private static string Clean(string text) =>
        new([.. text.Where(letter => !char.IsControl(letter)).Take(300)]);
}

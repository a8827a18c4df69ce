namespace Workflows.Artifacts;

/// <summary>Address, token and cache with which the Hugging Face Hub is read.</summary>
public sealed record HubSettings
{
    /// <summary>Gets the Hub's address.</summary>
    public Uri Endpoint { get; init; } = new("https://huggingface.co");

    /// <summary>Gets the token; null for none.</summary>
    public string? Token { get; init; }

    /// <summary>Gets the folder of cached repositories, in the layout of Python's library.</summary>
    public required string Cache { get; init; }

    /// <summary>Gets a value indicating whether only the cache is used.</summary>
    public bool IsOffline { get; init; }

    /// <summary>
    /// Reads the settings from the variables of Python's library: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HOME,
    /// HF_HUB_CACHE and HF_HUB_OFFLINE.
    /// </summary>
    /// <returns>The settings.</returns>
    /// <exception cref="ArtifactException">HF_ENDPOINT is not an address.</exception>
    public static HubSettings OfEnvironment() => Of(Environment.GetEnvironmentVariable);

    internal static HubSettings Of(Func<string, string?> variable)
    {
        var home = Text("HF_HOME") ?? Path.Combine(
            Text("XDG_CACHE_HOME")
                ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
            "huggingface");
        var endpoint = Text("HF_ENDPOINT") ?? "https://huggingface.co";
        return new HubSettings
        {
            Endpoint = Uri.TryCreate(endpoint, UriKind.Absolute, out var address)
                && address.Scheme is "http" or "https"
                ? address
                : throw new ArtifactException(
                    ArtifactFault.Address, endpoint, "HF_ENDPOINT is no address of a Hub.",
                    "Set it to https://HOST, or unset it."),
            Token = Text("HF_TOKEN") ?? Text("HUGGING_FACE_HUB_TOKEN")
                ?? TokenOf(Text("HF_TOKEN_PATH") ?? Path.Combine(home, "token")),
            Cache = Text("HF_HUB_CACHE") ?? Path.Combine(home, "hub"),
            IsOffline = Text("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE",
        };

        string? Text(string name) => variable(name) is { } text && text.Trim().Length > 0 ? text.Trim() : null;
    }

    private static string? TokenOf(string path)
    {
        try
        {
            return File.Exists(path) && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A token that this user may not read belongs to somebody else; public repositories need none.
            return null;
        }
    }
}

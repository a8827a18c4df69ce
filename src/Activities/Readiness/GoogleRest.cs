using System.Net.Http.Json;
using System.Text.Json;
using Workflows.GoogleCloud.Connections;

namespace Workflows.Activities.Readiness;

/// <summary>
/// Calls the few REST methods of Google's services that show whether a project is ready. Credentials are loaded at the
/// first call.
/// </summary>
/// <param name="emulator">Address that replaces all services, without credentials; null for Google's.</param>
/// <param name="storageEmulator">Address that replaces Cloud Storage; null for the same as for all services.</param>
public sealed class GoogleRest(Uri? emulator, Uri? storageEmulator = null) : IDisposable
{
    /// <summary>Host of Cloud Storage.</summary>
    internal const string Storage = "storage.googleapis.com";

    /// <summary>Longest answer that is read; chosen, far above those of the methods called.</summary>
    private const long MostBytes = 32 << 20;

    private readonly SemaphoreSlim _gate = new(1);
    private HttpClient? _http;

    /// <summary>Calls a method.</summary>
    /// <param name="host">Host of the service, such as <c>serviceusage.googleapis.com</c>.</param>
    /// <param name="path">Path and query.</param>
    /// <param name="body">Body, sent with POST; null for GET.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="InvalidOperationException">There are no credentials.</exception>
    /// <exception cref="HttpRequestException">The service cannot be reached.</exception>
    internal async Task<GoogleAnswer> CallAsync(
        string host, string path, object? body, CancellationToken cancellation)
    {
        var http = await HttpAsync(cancellation);
        using var request = new HttpRequestMessage(
            body is null ? HttpMethod.Get : HttpMethod.Post,
            new Uri((host == Storage ? storageEmulator : null) ?? emulator ?? new Uri($"https://{host}"), path));
        request.Content = body is null ? null : JsonContent.Create(body);
        using var answer = await http.SendAsync(request, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        JsonElement json;
        try
        {
            json = JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            json = JsonElement.Parse("{}");
        }

        return new GoogleAnswer((int)answer.StatusCode, json);
    }

    /// <summary>Gets a token, which proves that the credentials work; the token is not passed on.</summary>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>The header for an image registry; null for an emulator.</returns>
    internal async Task<string?> BearerAsync(CancellationToken cancellation)
    {
        if (emulator is not null)
        {
            return null;
        }

        var credentials = await GoogleCredentials.FindAsync(null, cancellation);
        return (await credentials.HeadersAsync("https://www.googleapis.com/", cancellation))
            .First(header => header.Key == "authorization").Value;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _http?.Dispose();
        _gate.Dispose();
    }

    private async Task<HttpClient> HttpAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            return _http ??= new HttpClient(new GoogleHttpHandler(
                emulator is null ? await GoogleCredentials.FindAsync(null, cancellation) : null,
                new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10), AllowAutoRedirect = false }))
            {
                Timeout = TimeSpan.FromSeconds(30),
                MaxResponseContentBufferSize = MostBytes,
            };
        }
        finally
        {
            _gate.Release();
        }
    }
}

/// <summary>An answer of one of Google's services.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Json">Its body; an empty object if it is not JSON.</param>
internal sealed record GoogleAnswer(int Status, JsonElement Json)
{
    /// <summary>Gets a value indicating whether the call succeeded.</summary>
    public bool IsOk => Status is >= 200 and < 300;

    /// <summary>Gets the service's own error message.</summary>
    public string Words => Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty("error", out var error)
        && error.ValueKind == JsonValueKind.Object && error.TryGetProperty("message", out var message)
        && message.ValueKind == JsonValueKind.String
            ? $"{Status}: {message.GetString()}"
            : $"status {Status}";

    /// <summary>Reads a string of the body.</summary>
    public string? Text(string name) => Json.ValueKind == JsonValueKind.Object
        && Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString() : null;

    /// <summary>Reads a list of strings of the body; an absent one is empty, since Google omits empty lists.</summary>
    public IReadOnlyList<string> Texts(string name) => Json.ValueKind == JsonValueKind.Object
        && Json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Where(each => each.ValueKind == JsonValueKind.String)
                .Select(each => each.GetString()!)]
            : [];
}

using Workflows.Service.Files;

namespace Workflows.Cli;

/// <summary>The calls for uploaded files.</summary>
internal sealed partial class ServiceLink
{
    /// <summary>Gets a value indicating whether the service is on another machine, as its address tells.</summary>
    public bool IsElsewhere => IsNamed && !CallerKey.IsOfThisMachine(Address);

    /// <summary>Lists the uploaded files.</summary>
    public async Task<FilesView> FilesAsync(CancellationToken cancellation) =>
        (await GetAsync<FilesView>("/files", cancellation))!;

    /// <summary>Uploads a file, unless the service has one of this name and content.</summary>
    /// <param name="name">Its name in the service.</param>
    /// <param name="path">The file.</param>
    /// <param name="sha256">Its SHA-256.</param>
    /// <param name="cancellation">Cancels the upload, of which nothing is kept then.</param>
    /// <returns>true if it was sent.</returns>
    /// <exception cref="CommandException">The service refused it.</exception>
    public async Task<bool> PutFileAsync(
        string name, string path, byte[] sha256, CancellationToken cancellation)
    {
        var address = new Uri($"/files/{Uri.EscapeDataString(name)}", UriKind.Relative);
        using (var look = new HttpRequestMessage(HttpMethod.Head, address))
        using (var known = await _http.SendAsync(look, cancellation))
        {
            if (known.IsSuccessStatusCode
                && known.Headers.ETag?.Tag == $"\"{Convert.ToHexStringLower(sha256)}\"")
            {
                return false;
            }
        }

        await using var file = File.OpenRead(path);
        using var put = new HttpRequestMessage(HttpMethod.Put, address);
        put.Content = new StreamContent(file);
        put.Content.Headers.TryAddWithoutValidation(
            "Content-Digest", $"sha-256=:{Convert.ToBase64String(sha256)}:");

        // A refusal comes before the bytes are sent.
        put.Headers.ExpectContinue = true;
        using var patient = Patient();
        using var answer = await patient.SendAsync(put, cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
        return true;
    }

    /// <summary>Deletes an uploaded file.</summary>
    public async Task DeleteFileAsync(string name, CancellationToken cancellation)
    {
        using var answer = await _http.DeleteAsync(
            new Uri($"/files/{Uri.EscapeDataString(name)}", UriKind.Relative), cancellation);
        await ServiceAnswer.ThrowIfRefusedAsync(answer, cancellation);
    }
}

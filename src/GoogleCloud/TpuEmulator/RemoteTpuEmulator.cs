using System.Net;

namespace Workflows.GoogleCloud.TpuEmulator;

/// <summary>
/// Controls an emulator that is a program of its own, so that several applications can use it; see
/// <see cref="EmulatorControl"/>.
/// </summary>
/// <param name="rest">The address of its REST port.</param>
public sealed class RemoteTpuEmulator(Uri rest) : ITpuEmulator, IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = rest, Timeout = TimeSpan.FromSeconds(15) };

    /// <inheritdoc />
    /// <exception cref="IOException">The emulator does not answer.</exception>
    public void Prepare(string project, string scenarioJson)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Put, new Uri($"{EmulatorControl.Path}/{project}", UriKind.Relative));
        request.Content = new StringContent(scenarioJson);
        using var answer = Send(request);
        if (answer.StatusCode == HttpStatusCode.BadRequest)
        {
            throw new ScenarioException(TextOf(answer));
        }

        Require(answer);
    }

    /// <inheritdoc />
    /// <exception cref="IOException">The emulator does not answer.</exception>
    public string? ScenarioOf(string project)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri($"{EmulatorControl.Path}/{project}", UriKind.Relative));
        using var answer = Send(request);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        Require(answer);
        return TextOf(answer);
    }

    /// <inheritdoc />
    /// <exception cref="IOException">The emulator does not answer.</exception>
    public IReadOnlyList<string> Occupied()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(EmulatorControl.Path, UriKind.Relative));
        using var answer = Send(request);
        Require(answer);
        return System.Text.Json.JsonSerializer.Deserialize<List<string>>(answer.Content.ReadAsStream()) ?? [];
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    private HttpResponseMessage Send(HttpRequestMessage request)
    {
        try
        {
            return _http.Send(request);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            throw new IOException($"The emulated cloud at {rest} does not answer: {exception.Message}", exception);
        }
    }

    private void Require(HttpResponseMessage answer)
    {
        if (!answer.IsSuccessStatusCode)
        {
            throw new IOException(
                $"The emulated cloud at {rest} answers {(int)answer.StatusCode}: is it the program of this version?");
        }
    }

    private static string TextOf(HttpResponseMessage answer)
    {
        using var reader = new StreamReader(answer.Content.ReadAsStream());
        return reader.ReadToEnd();
    }
}

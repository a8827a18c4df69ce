namespace Workflows.DurableTask.Sidecar;

/// <summary>
/// Asks a running server of this machine how it is, for the health checks of containers, whose image has no other
/// client. Each server program has this class: <c>PROGRAM --health [ADDRESS]</c>.
/// </summary>
internal static class HealthProbe
{
    private const int Healthy = 0;
    private const int Unhealthy = 1;
    private const int BadOptions = 2;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(4);

    /// <summary>Answers the option, if the program was started with it.</summary>
    /// <param name="args">The program's arguments.</param>
    /// <param name="address">The address of a server with the program's defaults.</param>
    /// <param name="version">The version of HTTP that the server speaks there.</param>
    /// <returns>The exit code: 0 for a server that answers with success, 1 for another one or none, 2 for wrong
    /// arguments; null if the program was not asked.</returns>
    public static async Task<int?> AnswerAsync(string[] args, string address, Version version)
    {
        if (args is not ["--health", .. var rest])
        {
            return null;
        }

        if (rest.Length > 1 || !Uri.TryCreate(rest is [var given] ? given : address, UriKind.Absolute, out var asked)
            || (asked.Scheme != Uri.UriSchemeHttp && asked.Scheme != Uri.UriSchemeHttps))
        {
            await Console.Error.WriteLineAsync($"--health takes one address, such as {address}, or none.");
            return BadOptions;
        }

        using var http = new HttpClient { Timeout = Limit };
        using var request = new HttpRequestMessage(HttpMethod.Get, asked)
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        try
        {
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            if (answer.IsSuccessStatusCode)
            {
                return Healthy;
            }

            await Console.Error.WriteLineAsync($"{asked} answers {(int)answer.StatusCode}.");
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"{asked} does not answer: {exception.Message}");
        }

        return Unhealthy;
    }
}

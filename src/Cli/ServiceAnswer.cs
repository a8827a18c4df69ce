using System.Net;
using System.Text.Json;

namespace Workflows.Cli;

/// <summary>Reads the answers with which a service refuses a call.</summary>
internal static class ServiceAnswer
{
    /// <summary>Throws the exception for an answer that is a refusal.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <exception cref="ServiceAwayException">The same call may succeed later.</exception>
    /// <exception cref="CommandException">The service refused the call.</exception>
    public static async Task ThrowIfRefusedAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        if (answer.IsSuccessStatusCode)
        {
            return;
        }

        var text = await answer.Content.ReadAsStringAsync(cancellation);
        var lines = new List<string>();
        try
        {
            using var problem = JsonDocument.Parse(text);
            if (problem.RootElement.TryGetProperty("errors", out var errors))
            {
                lines.AddRange(errors.EnumerateArray().Select(error =>
                    $"  {error.GetProperty("field").GetString()}: {error.GetProperty("message").GetString()} "
                    + error.GetProperty("fix").GetString()));
                lines.Insert(0, "The request cannot be run; nothing was started.");
            }
            else
            {
                lines.Add(problem.RootElement.GetProperty("detail").GetString()!);
            }
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException)
        {
            lines.Add($"The service answered {(int)answer.StatusCode}: {text}");
        }

        var message = string.Join(Environment.NewLine, lines);
        if (answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway
            or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout)
        {
            throw new ServiceAwayException(message);
        }

        throw new CommandException(
            message, answer.StatusCode == HttpStatusCode.BadRequest ? ExitCodes.Invalid : ExitCodes.Failed);
    }
}

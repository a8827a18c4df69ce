using System.Net;
using System.Net.Http.Headers;
using Workflows.ModelFiles;

namespace Workflows.Cli;

/// <summary>
/// Finds the key with which the command authenticates: in a file, or in the environment. It is no argument, since every
/// user of a machine may read the arguments of its processes.
/// </summary>
internal static class CallerKey
{
    /// <summary>The variable that has the key.</summary>
    public const string Variable = "WORKFLOWS_API_KEY";

    private const int MostBytes = 8 << 10;

    /// <summary>Reads the key.</summary>
    /// <param name="file">The file of <c>--key-file</c>; null to read the variable.</param>
    /// <returns>null if there is none.</returns>
    /// <exception cref="CommandException">The file cannot be read, or the text is no key.</exception>
    public static string? Read(string? file)
    {
        var text = file is null ? Environment.GetEnvironmentVariable(Variable)?.Trim() : ReadFile(file);
        return string.IsNullOrEmpty(text) ? null
            : text.All(character => character is > ' ' and < '\u007f')
            ? text
            : throw new CommandException(
                $"{(file is null ? Variable : $"--key-file '{file}'")} has a text with spaces, several lines or other "
                + "characters that no key has.", ExitCodes.Invalid);
    }

    /// <summary>Makes a client that sends the key with each call.</summary>
    /// <param name="address">The service.</param>
    /// <param name="key">The key; null for none.</param>
    /// <exception cref="CommandException">The key would leave this machine in plain text.</exception>
    public static HttpClient Client(Uri address, string? key)
    {
        if (key is not null && address.Scheme != Uri.UriSchemeHttps && !IsOfThisMachine(address))
        {
            throw new CommandException(
                $"The key is not sent to {address.GetLeftPart(UriPartial.Authority)} in plain text: name the service "
                + "with https://, or leave the key out.", ExitCodes.Invalid);
        }

        var http = new HttpClient { BaseAddress = address };
        if (key is not null)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return http;
    }

    private static string ReadFile(string file)
    {
        try
        {
            var text = System.Text.Encoding.UTF8.GetString(RegularFile.ReadAll(file, MostBytes)).Trim();
            return text.Length > 0
                ? text : throw new CommandException($"--key-file '{file}' is empty.", ExitCodes.Invalid);
        }
        catch (ModelFileException exception)
        {
            throw new CommandException(
                $"--key-file '{file}' cannot be used: {exception.Problem}.", ExitCodes.Invalid);
        }
    }

    internal static bool IsOfThisMachine(Uri address) => address.IsLoopback
        || (IPAddress.TryParse(address.Host, out var ip) && IPAddress.IsLoopback(ip));
}

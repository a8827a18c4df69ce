using System.CommandLine;
using System.CommandLine.Parsing;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Service.Hosting;

namespace Workflows.Cli.Commands;

/// <summary>Options of every command, and the handler that turns failures into messages.</summary>
internal static class CommonOptions
{
    public static Option<string> State { get; } = new("--state")
    {
        Description = "Folder of runs and history when no service is named (default .workflows).",
        DefaultValueFactory = _ => ".workflows",
    };

    public static Option<Uri?> Service { get; } = new("--service")
    {
        CustomParser = ParseAddress,
        Description = "Address of a running service, such as http://127.0.0.1:8080; also WORKFLOWS_SERVICE.",
    };

    public static Option<string?> KeyFile { get; } = new("--key-file")
    {
        Description = "File with the API key for the service; also WORKFLOWS_API_KEY.",
    };

    public static Option<bool> Json { get; } = new("--json") { Description = "Print JSON, alone, on standard output." };

    public static Option<string?> Reason { get; } = new("--reason") { Description = "Why, for the record." };

    public static Option<Language?> Lang { get; } = new("--lang")
    {
        CustomParser = ParseLanguage,
        Description = "Language of verdicts, en or ko; by default that of LC_ALL, LC_MESSAGES or LANG.",
    };

    /// <summary>Returns the language of the environment, as POSIX orders its variables; English for others.</summary>
    internal static Language LanguageOf(Func<string, string?> variable) => Words.Find(
        new[] { "LC_ALL", "LC_MESSAGES", "LANG" }.Select(variable).FirstOrDefault(each => !string.IsNullOrEmpty(each)))
        ?? Language.English;

    private static Language? ParseLanguage(ArgumentResult argument)
    {
        var text = argument.Tokens.Count == 1 ? argument.Tokens[0].Value : "";
        if (Words.Find(text) is { } language)
        {
            return language;
        }

        argument.AddError($"--lang: '{text}' is not a language of this command; use en or ko.");
        return null;
    }

    private static Uri? ParseAddress(ArgumentResult argument)
    {
        var text = argument.Tokens.Count == 1 ? argument.Tokens[0].Value : "";
        if (Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
        {
            return address;
        }

        argument.AddError($"--service: '{text}' is not an address; use one such as http://127.0.0.1:8080.");
        return null;
    }

    /// <summary>Adds the options and the action.</summary>
    /// <param name="command">The command.</param>
    /// <param name="action">The action, with the service.</param>
    /// <param name="change">Changes the settings of a service that the command starts; null for none.</param>
    public static Command With(
        this Command command, Func<ParseResult, ServiceLink, CancellationToken, Task<int>> action,
        Action<ParseResult, ServiceSettings>? change = null)
    {
        command.Options.Add(State);
        command.Options.Add(Service);
        command.Options.Add(KeyFile);
        command.Options.Add(Lang);
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                await using var link = await ServiceLink.OpenAsync(
                    parsed.GetValue(Service), parsed.GetValue(State)!, CallerKey.Read(parsed.GetValue(KeyFile)),
                    settings => change?.Invoke(parsed, settings), cancellation);
                link.Language = parsed.GetValue(Lang) ?? LanguageOf(Environment.GetEnvironmentVariable);
                return await action(parsed, link, cancellation);
            }
            catch (CommandException exception)
            {
                await Console.Error.WriteLineAsync(TerminalText.Of(exception.Message));
                return exception.ExitCode;
            }
            catch (HttpRequestException exception)
            {
                await Console.Error.WriteLineAsync($"The service does not answer: {exception.Message}");
                return ExitCodes.Failed;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return ExitCodes.Detached;
            }
        });
        return command;
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;
using Workflows.Service.Access;
using Workflows.Service.Hosting;

namespace Workflows.Cli.Commands;

/// <summary>
/// Implements workflows keys: makes, lists and revokes the API keys of the service that uses a state folder, or of
/// those that share the database of <c>Workflows__Database</c>. It changes them itself, and a running service sees it
/// at the next request.
/// </summary>
internal static partial class KeysCommand
{
    /// <summary>Longest lifetime, in days: ten years.</summary>
    private const int MostDays = 3650;

    private static readonly Argument<string> Name = new("name") { Description = "The key's name, as logs show it." };

    private static readonly Option<AccessRole> Role = new("--role")
    {
        HelpName = string.Join('|', WireName.All<AccessRole>()),
        Description = "reader (reads everything), runner (starts, resumes, reruns, suspends and cancels runs, too) or "
            + "admin (purges runs and deletes resources, too).",
        CustomParser = argument => WireName.TryParse<AccessRole>(argument.Tokens[0].Value, out var role)
            ? role : Refuse(argument, $"--role: '{argument.Tokens[0].Value}' is none of "
                + $"{string.Join(", ", WireName.All<AccessRole>())}.", AccessRole.Reader),
        Required = true,
    };

    private static readonly Option<TimeSpan?> Expires = new("--expires")
    {
        Description = "The time after which it is refused: 90d, or 12h. Without it only its revocation ends it.",
        CustomParser = argument => Lifetime().Match(argument.Tokens[0].Value) is { Success: true } match
            && int.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            && count > 0 && (match.Groups[2].Value == "d" ? count : count / 24) <= MostDays
            ? match.Groups[2].Value == "d" ? TimeSpan.FromDays(count) : TimeSpan.FromHours(count)
            : Refuse<TimeSpan?>(argument, $"--expires: '{argument.Tokens[0].Value}' is no number of days or hours such "
                + $"as 90d or 12h, up to {MostDays}d.", null),
    };

    public static Command Create() => new(
        "keys", "Make, list and revoke the API keys of a service: workflows keys make laptop --role runner")
    {
        Make(), List(), Revoke(),
    };

    private static Command Make() => On(
        new Command("make", "Make a key; it is shown once, alone on standard output") { Name, Role, Expires },
        async (parsed, keys, cancellation) =>
        {
            var (key, text) = await keys.MakeAsync(
                parsed.GetValue(Name)!, parsed.GetValue(Role), parsed.GetValue(Expires), cancellation);
            Console.WriteLine(text);
            await Console.Error.WriteLineAsync(
                $"'{key.Name}' has the role {WireName.Of(key.Role)}, {Until(key)}. The key is shown only now. Give it "
                + "to the command by WORKFLOWS_API_KEY or --key-file, and to other programs as 'Authorization: Bearer "
                + "KEY'.");
            return ExitCodes.Done;
        });

    private static Command List() => On(
        new Command("list", "List the keys, without their secrets") { CommonOptions.Json },
        (parsed, keys, _) =>
        {
            var all = keys.All();
            if (parsed.GetValue(CommonOptions.Json))
            {
                Console.WriteLine(JsonSerializer.Serialize(
                    all.Select(key => new { key.Name, key.Id, key.Role, key.CreatedAt, key.ExpiresAt }),
                    RunLedger.Json));
                return Task.FromResult(ExitCodes.Done);
            }

            foreach (var key in all)
            {
                Console.WriteLine($"{key.Name,-24} {WireName.Of(key.Role),-7} {AccessKey.Prefix}{key.Id}  made "
                    + $"{key.CreatedAt:yyyy-MM-dd}, {Until(key)}");
            }

            if (all.Count == 0)
            {
                Console.WriteLine("There are no keys: workflows keys make NAME --role admin");
            }

            return Task.FromResult(ExitCodes.Done);
        });

    private static Command Revoke() => On(
        new Command("revoke", "Revoke a key: it is refused from the next request on") { Name },
        async (parsed, keys, cancellation) =>
        {
            var name = parsed.GetValue(Name)!;
            if (await keys.RevokeAsync(name, cancellation))
            {
                Console.WriteLine($"Revoked '{name}'.");
                return ExitCodes.Done;
            }

            await Console.Error.WriteLineAsync(
                TerminalText.Of($"There is no key '{name}'; 'workflows keys list' shows them."));
            return ExitCodes.Failed;
        });

    private static Command On(
        Command command, Func<ParseResult, KeyFile, CancellationToken, Task<int>> action)
    {
        command.Options.Add(CommonOptions.State);
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                // By the variable only: a password on the command line would be in the list of processes.
                var database = Environment.GetEnvironmentVariable("Workflows__Database");
                return await action(
                    parsed, string.IsNullOrWhiteSpace(database)
                        ? new KeyFile(parsed.GetValue(CommonOptions.State)!, TimeProvider.System)
                        : KeyFile.OfDatabase(database, TimeProvider.System), cancellation);
            }
            catch (ServiceStartException exception)
            {
                await Console.Error.WriteLineAsync(TerminalText.Of(exception.Message));
                return ExitCodes.Failed;
            }
            catch (KeyFileException exception)
            {
                await Console.Error.WriteLineAsync(TerminalText.Of(exception.Message));
                return ExitCodes.Failed;
            }
        });
        return command;
    }

    private static T Refuse<T>(System.CommandLine.Parsing.ArgumentResult argument, string message, T value)
    {
        argument.AddError(message);
        return value;
    }

    private static string Until(AccessKey key) => key.ExpiresAt is not { } end ? "valid until it is revoked"
        : end <= TimeProvider.System.GetUtcNow()
        ? string.Create(CultureInfo.InvariantCulture, $"expired {end:yyyy-MM-dd HH:mm}Z")
        : string.Create(CultureInfo.InvariantCulture, $"valid until {end:yyyy-MM-dd HH:mm}Z");

    [GeneratedRegex(@"^([0-9]{1,6})([dh])\z", RegexOptions.CultureInvariant)]
    private static partial Regex Lifetime();
}

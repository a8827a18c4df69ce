using Workflows.Cli.Commands;

namespace Workflows.Cli;

/// <summary>
/// Accepts the options that all commands have before the verb, too, as kubectl and gcloud do: workflows --service URL
/// ls. Each command has them by itself, so that its help shows those that it takes.
/// </summary>
internal static class GlobalOptions
{
    private static readonly string[] WithValue =
        [CommonOptions.State.Name, CommonOptions.Service.Name, CommonOptions.KeyFile.Name, CommonOptions.Lang.Name];

    /// <summary>Moves the options before the verb behind it.</summary>
    /// <param name="args">The arguments of the program.</param>
    /// <returns>The arguments as the commands take them.</returns>
    public static string[] BehindVerb(string[] args)
    {
        var count = 0;
        while (count < args.Length && Length(args[count]) is > 0 and var length)
        {
            count += length;
        }

        if (count == 0 || count >= args.Length)
        {
            return args;
        }

        // An argument after -- is no option.
        var rest = args[count..];
        var end = Array.IndexOf(rest, "--") is >= 0 and var at ? at : rest.Length;
        return [.. rest[..end], .. args[..count], .. rest[end..]];
    }

    private static int Length(string argument) => argument == CommonOptions.Json.Name ? 1
        : WithValue.Contains(argument, StringComparer.Ordinal) ? 2
        : WithValue.Any(name => argument.StartsWith($"{name}=", StringComparison.Ordinal)) ? 1 : 0;
}

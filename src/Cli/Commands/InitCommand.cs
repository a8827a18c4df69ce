using System.CommandLine;
using System.Globalization;
using Workflows.Cli.Starting;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows init: writes a request file that passes the service's checks.</summary>
internal static class InitCommand
{
    private static readonly Argument<string> Target = new("file")
    {
        Description = "The request file to write (request.json).",
        DefaultValueFactory = _ => "request.json",
    };

    private static readonly Option<string?> Model = new("--model")
    {
        Description = "A Hugging Face folder, gs://BUCKET/PREFIX or hf://ORG/NAME.",
    };

    private static readonly Option<string?> Train = new("--data-train")
    {
        Description = "Training pairs: a file, several with commas, or a folder.",
    };

    private static readonly Option<string?> Test = new("--data-test")
    {
        Description = "Test pairs; none: a held-out part.",
    };

    private static readonly Option<string?> Direction = new Option<string?>("--direction")
    {
        Description = "The direction of the translation.",
    }.AcceptOnlyFromAmong([.. WireName.All<RunDirection>()]);

    private static readonly Option<string?> Project = new("--project")
    {
        Description = "The Google Cloud project that pays; none: a rehearsal, which costs nothing.",
    };

    private static readonly Option<double?> Budget = new("--budget")
    {
        Description = "The most that it may cost, in USD.",
    };

    private static readonly Option<bool> Yes = new("--yes", "-y")
    {
        Description = "Ask nothing: take the proposals for what is not given.",
    };

    private static readonly Option<bool> Force = new("--force") { Description = "Replace an existing file." };

    public static Command Create()
    {
        var command = new Command("init", "Write a request file, asking little: workflows init")
        {
            Target, Model, Train, Test, Direction, Project, Budget, Yes, Force,
        };
        command.SetAction(async (parsed, _) =>
        {
            try
            {
                var asks = !parsed.GetValue(Yes) && !Console.IsInputRedirected;
                var path = parsed.GetValue(Target)!;
                var written = RequestDraft.Write(
                    path,
                    new InitAnswers(
                        parsed.GetValue(Model), parsed.GetValue(Train), parsed.GetValue(Test),
                        parsed.GetValue(Direction), parsed.GetValue(Project), parsed.GetValue(Budget)),
                    asks ? new Questions(Console.In, Console.Error) : null, parsed.GetValue(Force));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                    Wrote {path}: {written}.
                      preview:  workflows plan {path}
                      start:    workflows run {path}
                    docs/requests.md has every field.
                    """));
                return ExitCodes.Done;
            }
            catch (CommandException exception)
            {
                await Console.Error.WriteLineAsync(Watching.TerminalText.Of(exception.Message));
                return exception.ExitCode;
            }
        });
        return command;
    }
}

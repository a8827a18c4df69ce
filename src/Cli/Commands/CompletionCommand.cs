using System.CommandLine;

namespace Workflows.Cli.Commands;

/// <summary>
/// Implements workflows completion SHELL, which prints a script for a shell, and the hidden workflows complete, which
/// that script calls for each completion.
/// </summary>
internal static class CompletionCommand
{
    private static readonly Dictionary<string, string> Scripts = new(StringComparer.Ordinal)
    {
        ["bash"] = """
            # In ~/.bashrc: source <(workflows completion bash)
            _workflows() {
                local IFS=$'\n'
                COMPREPLY=($(workflows complete --position "$COMP_POINT" "$COMP_LINE" 2>/dev/null))
            }
            complete -o default -F _workflows workflows
            """,
        ["zsh"] = """
            # In ~/.zshrc, after compinit: source <(workflows completion zsh)
            _workflows() {
                local -a found
                found=("${(@f)$(workflows complete --position "$CURSOR" "$BUFFER" 2>/dev/null)}")
                [[ -n $found ]] && compadd -a found || _files
            }
            compdef _workflows workflows
            """,
        ["fish"] = """
            # In ~/.config/fish/config.fish: workflows completion fish | source
            function __workflows
                workflows complete --position (commandline -C) (commandline -p | string collect) 2>/dev/null
            end
            complete -c workflows -a '(__workflows)'
            """,
        ["pwsh"] = """
            # In $PROFILE: workflows completion pwsh | Out-String | Invoke-Expression
            Register-ArgumentCompleter -Native -CommandName workflows -ScriptBlock {
                param($wordToComplete, $commandAst, $cursorPosition)
                workflows complete --position $cursorPosition "$commandAst" 2>$null | ForEach-Object {
                    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
                }
            }
            """,
    };

    private static readonly Argument<string> Shell = new Argument<string>("shell")
    {
        Description = "The shell.",
    }.AcceptOnlyFromAmong([.. Scripts.Keys]);

    private static readonly Argument<string> Line = new("line") { Description = "The line that is typed." };

    private static readonly Option<int?> Position = new("--position") { Description = "The cursor's place in it." };

    public static Command Create()
    {
        var command = new Command(
            "completion", "Print a script that completes this command in a shell: workflows completion bash")
        {
            Shell,
        };
        command.SetAction(parsed => Console.WriteLine(Scripts[parsed.GetValue(Shell)!]));
        return command;
    }

    /// <summary>Creates the command that the scripts call.</summary>
    public static Command CreateHelper()
    {
        var command = new Command("complete", "List the words that complete a line") { Line, Position };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            foreach (var word in Words(
                parsed.RootCommandResult.Command, parsed.GetValue(Line)!, parsed.GetValue(Position)))
            {
                Console.WriteLine(word);
            }
        });
        return command;
    }

    /// <summary>Lists the words that may stand at a place of a line.</summary>
    /// <param name="root">The command.</param>
    /// <param name="line">The line, with the name of the program.</param>
    /// <param name="position">The cursor's place from 0; null for the end.</param>
    /// <returns>The words that begin like the one before the cursor.</returns>
    internal static IReadOnlyList<string> Words(Command root, string line, int? position)
    {
        var typed = line[..Math.Clamp(position ?? line.Length, 0, line.Length)];
        var program = typed.IndexOf(' ', StringComparison.Ordinal);
        var arguments = program < 0 ? "" : typed[(program + 1)..];
        return [.. root.Parse(arguments).GetCompletions(arguments.Length)
            .Select(item => item.InsertText ?? item.Label).Distinct()];
    }
}

namespace Workflows.TestKit.Pjrt;

/// <summary>An error that the fake plugin answers.</summary>
/// <param name="code">Its number in <c>PJRT_Error_Code</c>.</param>
/// <param name="message">Its words.</param>
internal sealed class FakeErrorException(int code, string message) : Exception(message)
{
    public int Code { get; } = code;
}

/// <summary>An error, as an object of the fake plugin.</summary>
internal sealed record FakeError(int Code, string Text);

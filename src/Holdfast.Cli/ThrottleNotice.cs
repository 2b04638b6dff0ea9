using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary>Says that the service limits this computer, how far, and until when.</summary>
internal static class ThrottleNotice
{
    /// <summary>For the end of a progress line.</summary>
    public static string OnLine(ThrottleState? state, TimeProvider time) => state is null ? "" : $"  limited{Rate(state)}{Until(state, time)}";

    public static void Tell(Output output, ThrottleState? state, TimeProvider time)
    {
        if (state is not null)
        {
            output.Say($"The service limits this computer{Rate(state)}{Until(state, time)}{(state.Reason is { } why ? $": {why}" : "")}.");
            output.Message("throttled", ("bytes_per_second", state.BytesPerSecond), ("until", state.IsLasting ? null : state.Until), ("reason", state.Reason));
        }
    }

    private static string Until(ThrottleState state, TimeProvider time) => state.IsLasting ? "" : $" until {LocalTime.Of(state.Until, time)}";

    private static string Rate(ThrottleState state) => state.BytesPerSecond is { } rate ? $" to {Units.Bytes(rate)}/s" : "";
}

"""The study: settings compared on synthetic patients, their scores cached and tabulated."""

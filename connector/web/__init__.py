"""What all pages share: who is signed in and what they may do, forms and their errors, navigation, rate limits. No page of its own."""
